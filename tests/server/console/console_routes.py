"""Every route of the console: who may take it, an address of it, and what the audit says of that."""

from __future__ import annotations

from dataclasses import dataclass, field

from server.console.console_scenes import ACCUSED, ACT, OTHER, PACK
from stillhunt_signals.console_rules import FIRST_RULE


@dataclass(frozen=True)
class Entry:
    """A route.

    Attributes:
        needs: the least role; "" where nobody has to be signed in.
        url: an address of it, of the case that tests share.
        looks: what and about of the row that the audit gets; None where no account id or excerpt is shown.
        fields: of the form that is sent.
        done: status after the form.
    """

    needs: str
    url: str
    looks: tuple[str, str] | None = None
    fields: dict[str, str] = field(default_factory=dict)
    done: int = 303


_OF = f"/campaigns/{ACT}"
PAGES = {
    "/": Entry("viewer", "/"),
    "/hunt": Entry("viewer", "/hunt"),
    "/campaigns": Entry("viewer", "/campaigns?verdict=act"),
    "/groups": Entry("viewer", "/groups"),
    "/campaigns/{campaign}": Entry("viewer", _OF, ("campaign", ACT)),
    "/campaigns/{campaign}/members": Entry("viewer", f"{_OF}/members", ("members", ACT)),
    "/campaigns/{campaign}/evidence": Entry("viewer", f"{_OF}/evidence", ("evidence", ACT)),
    "/campaigns/{campaign}/requests": Entry("viewer", f"{_OF}/requests", ("requests", ACT)),
    "/campaigns/{campaign}/ties": Entry("viewer", f"{_OF}/ties", ("members", ACT)),
    "/campaigns/{campaign}/graph.json": Entry("viewer", f"{_OF}/graph.json", ("members", ACT)),
    "/campaigns/{campaign}/phrase": Entry("viewer", f"{_OF}/phrase?phrase=step", ("excerpts", ACT)),
    "/campaigns/{campaign}/lever": Entry("viewer", f"{_OF}/lever", ("evidence", ACT)),
    "/campaigns/{campaign}/second-look": Entry("analyst", f"{_OF}/second-look", ("campaign", ACT)),
    "/campaigns/{campaign}/beside": Entry("viewer", f"{_OF}/beside", ("campaign", f"{ACT} beside {OTHER}")),
    "/accounts": Entry("viewer", "/accounts", ("accounts", "all")),
    "/accounts/{account:path}": Entry("viewer", f"/accounts/{ACCUSED}", ("account", ACCUSED)),
    "/owners/{account:path}": Entry("analyst", f"/owners/{ACCUSED}", ("account", ACCUSED)),
    "/search": Entry("viewer", "/search?for=acct-0001", ("search", "acct-0001")),
    "/values": Entry("viewer", "/values?kind=excerpt&for=step", ("accounts", "Words of its excerpts: step")),
    "/programmes": Entry("viewer", "/programmes", ("accounts", "declared programmes")),
    "/sources": Entry("viewer", "/sources", ("rejects", "rows that could not be used")),
    "/settings": Entry("viewer", "/settings"),
    "/report": Entry("viewer", "/report", ("report", "1")),
    "/decisions": Entry("viewer", "/decisions", ("decisions", "all")),
    "/palette.json": Entry("viewer", "/palette.json"),
    "/changes": Entry("viewer", "/changes", ("changes", "all")),
    "/signs": Entry("viewer", "/signs", ("early signs", "all")),
    "/appeals": Entry("viewer", "/appeals", ("appeals", "all")),
    "/appeals/{appeal_id}": Entry("viewer", "/appeals/1", ("appeal", ACCUSED)),
    "/calibration": Entry("viewer", "/calibration"),
    "/audit": Entry("admin", "/audit", ("audit", "all")),
    "/users": Entry("admin", "/users"),
    "/packs/{name}": Entry("viewer", f"/packs/{PACK}", ("pack", PACK)),
    "/rules": Entry("viewer", "/rules", ("rules", "all")),
    "/signals": Entry("viewer", "/signals", ("signals", "all")),
    "/sign-in": Entry("", "/sign-in"),
    "/session.json": Entry("viewer", "/session.json"),
    "/appeal": Entry("", "/appeal"),
    "/static/vendor/echarts.custom.min.js": Entry("", "/static/vendor/echarts.custom.min.js"),
    "/static/vendor/{name}": Entry("", "/static/vendor/htmx.min.js"),
    "/static/report.css": Entry("", "/static/report.css"),
    "/static/{name}": Entry("", "/static/console.css"),
}
"""What can be read."""
_DECIDED = {"account": ACCUSED, "kind": "case", "action": "tag", "days": "3", "reason": "operator_decision", "note": ""}
FORMS = {
    "/campaigns/{campaign}/case/{kind}": Entry(
        "analyst", f"{_OF}/case/comment", fields={"version": "0", "text": "I look at it"}
    ),
    # the findings of this case are made up, and a pack is not signed where the verdict does not follow from them
    "/campaigns/{campaign}/pack": Entry("analyst", f"{_OF}/pack", done=400),
    "/campaigns/{campaign}/extract": Entry("analyst", f"{_OF}/extract", done=400),
    "/queue/next": Entry("analyst", "/queue/next"),
    "/queue/bulk": Entry(
        "analyst",
        "/queue/bulk",
        fields={"chosen": f"{ACT}@0", "what": "label", "label": "seen", "sure": "yes"},
        done=200,
    ),
    "/filters": Entry("analyst", "/filters", fields={"page": "/campaigns", "query": "verdict=act", "name": "new"}),
    "/filters/{filter_id}/delete": Entry("analyst", "/filters/1/delete"),
    "/decisions": Entry("analyst", "/decisions", fields=_DECIDED),
    "/campaigns/{campaign}/second-look": Entry("analyst", f"{_OF}/second-look", fields={"answer": "act"}, done=400),
    "/decisions/approve": Entry("analyst", "/decisions/approve", fields={"seq": "1", "note": "seen"}, done=400),
    "/decisions/undo": Entry("analyst", "/decisions/undo", fields={"seq": "1", "note": "it was wrong"}),
    "/appeals/{appeal_id}": Entry("analyst", "/appeals/1", fields={"what": "uphold", "note": "it was right"}),
    "/rules": Entry("analyst", "/rules", fields={"name": "nobody", "state": "off", "reason": "a try"}, done=400),
    "/rules/save": Entry("analyst", "/rules/save", fields={"content": FIRST_RULE, "reason": "a try"}),
    "/users": Entry("admin", "/users", fields={"name": "vera", "role": "analyst", "what": "role"}),
    "/sign-in": Entry("", "/sign-in", fields={"name": "vera", "password": "wrong"}, done=401),
    "/sign-out": Entry("viewer", "/sign-out"),
    "/appeal": Entry("", "/appeal", fields={"decision": "1", "code": "AAAA", "text": "no"}, done=400),
}
"""What can be changed."""
