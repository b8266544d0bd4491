"""The lever on the evidence, and a campaign beside another: what would be said otherwise, and what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt.base.families import family_label
from stillhunt.triage.model import CampaignModel
from stillhunt.triage.score_breakdown import ScoreSum
from stillhunt_server.case_views.lever import WeighedAgain, weighed_by_hunt
from stillhunt_server.case_views.similar import SimilarCampaigns, similar_campaigns
from stillhunt_server.console.answers import render
from stillhunt_server.console.context import PageRequest, weigh_campaign

OFFERED = 60
"""Other campaigns and groups that a page offers to compare with. Judgement: a list that can be read."""
FINDINGS_BESIDE = 3
_ALL = "family:"


def lever(request: PageRequest) -> Response:
    """A campaign without the findings that are switched off, by the rules of the verdict."""
    name = request.route["campaign"]
    shown, model = request.case, request.case.campaign(name)
    request.look("evidence", name)
    off = frozenset(request.query.choices.get("off", ()))
    families = _list_families(model.total)
    without = {kind for family, _, terms in families for kind, _, _ in terms if kind in off or _ALL + family in off}
    problem, now, then = "", None, None
    try:
        weighed = request.derived.weighed_of(name)  # also where nothing is off: the next thing is to switch one off
        if without:
            failed = weighed.exception() is not None
            then = weigh_campaign(shown, name) if failed else weighed.result()
            now = weigh_campaign(shown, name, without)
        else:
            then = now = weighed_by_hunt(model, shown.of_campaign("evidence", name))
    except CaseError as error:
        problem = formatting.sentence(f"{formatting.sentence_case(error.what)}; {error.next_step}")
    values: dict[str, Any] = {
        "name": name,
        "model": model,
        "title": "Without a finding",
        "meaning": LEVER_MEANING,
        "families": families,
        "off": off,
        "without": without,
        "problem": problem,
        "rows": _compare_weighed(then, now) if then is not None and now is not None else [],
    }
    return render(request, "campaign_lever.html", values)


LEVER_MEANING = (
    "Switch a family or a finding off, and the rules of the verdict judge what is left: caps and the explanation that "
    "fits best follow anew. Nothing is changed by it."
)


def _list_families(total: ScoreSum) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """Families with their findings, the strongest first: name and label; kind, statement and bits of each."""
    terms: dict[str, list[tuple[str, str, str]]] = {}
    for term in total.terms:
        if term.weighs:
            told = (term.kind, formatting.sentence(term.shown), formatting.bits(term.bits))
            terms.setdefault(term.family, []).append(told)
    return [(family, family_label(family), terms[family]) for family in total.family_bits if family in terms]


def _compare_weighed(then: WeighedAgain, now: WeighedAgain) -> list[tuple[str, str, str]]:
    """What the rules say with all findings and with those that are left: label and both in words."""
    before, after = _describe_weighed(then), _describe_weighed(now)
    return [(label, said, after[label]) for label, said in before.items()]


def _describe_weighed(one: WeighedAgain) -> Mapping[str, str]:
    told = {
        "Verdict": one.verdict,
        "Probability": formatting.probability(one.probability),
        "Sum": f"{formatting.bits(one.log2_odds)} bits",
        "Distance": one.margin,
        "Strong families": formatting.join_words([family_label(name) for name in one.families]) or "none",
        "Held back by": "; ".join(one.limits) or "nothing",
    }
    if one.flagged is not None:
        told["Accounts whose own verdict is act"] = formatting.count(one.flagged)
    return told


def beside(request: PageRequest) -> Response:
    """A campaign beside another one or a group left alone: the same rows in two columns."""
    name = request.route["campaign"]
    shown, model = request.case, request.case.campaign(name)
    similar = similar_campaigns(request.derived.profiles, name, OFFERED)
    offered = _order_offered(shown.by_id, similar, name)
    chosen = request.given["with"] if request.given["with"] in shown.by_id else ""
    honest = [one for one in offered if shown.by_id[one].verdict == "none"]
    chosen = chosen or next(iter([*honest, *offered]), "")
    other = shown.by_id.get(chosen)
    request.look("campaign", f"{name} beside {chosen or 'nothing'}")
    alike = next((one.sentences for one in similar.rows if one.campaign_id == chosen), ())
    values: dict[str, Any] = {
        "name": name,
        "model": model,
        "title": "Side by side",
        "meaning": BESIDE_MEANING,
        "other": other,
        "offered": [shown.by_id[one] for one in offered[:OFFERED]],
        "rows": _rows_beside(model, other) if other is not None else [],
        "alike": alike,
    }
    return render(request, "campaign_beside.html", values)


BESIDE_MEANING = (
    "The same rows of two groups, and what differs. The first choice is the group left alone that is most like it, or "
    "the most probable of them: what tells them apart is what the verdict rests on."
)


def _order_offered(by_id: Mapping[str, CampaignModel], similar: SimilarCampaigns, name: str) -> list[str]:
    """Others: first those like it, the most first; then campaigns; then groups left alone, the most probable first."""
    alike = [one.campaign_id for one in similar.rows]
    rest = sorted((one for one in by_id if one != name), key=lambda one: -by_id[one].row["score"])
    return list(dict.fromkeys([*alike, *rest]))


def _rows_beside(one: CampaignModel, other: CampaignModel) -> list[tuple[str, str, str, bool]]:
    """Label, what is said of each, and whether it differs; in the order of the campaign's page."""
    columns = [_describe_beside(one), _describe_beside(other)]
    labels = list(dict.fromkeys([*columns[0], *columns[1]]))
    found = [(label, *(column.get(label, "") for column in columns)) for label in labels]
    return [
        (label, left or lacks, right or lacks, left != right and (lacks == "none" or bool(left and right)))
        for (label, left, right), lacks in zip(found, map(_say_lack, labels), strict=True)
        if left or right
    ]


def _say_lack(label: str) -> str:
    """What is said where a group has no such row: the case keeps fewer facts of groups left alone."""
    return "none" if label.startswith(("Bits", "Strongest", "Other", "Why")) else "not known"


def _describe_beside(model: CampaignModel) -> dict[str, str]:
    total = model.total
    told = {"Verdict": model.verdict, "Probability": model.probability, "Why not more": " ".join(model.held_back)}
    told |= {formatting.sentence_case(label): value for label, value in model.facts if label != "kind"}
    told |= {
        f"Bits of {family_label(family).lower()}": formatting.bits(bits) for family, bits in total.family_bits.items()
    }
    told["Strongest for"] = " ".join(formatting.sentence(term.shown) for term in total.supporting[:FINDINGS_BESIDE])
    told["Strongest against"] = " ".join(formatting.sentence(term.shown) for term in total.opposing[:FINDINGS_BESIDE])
    told["Other explanations"] = " ".join(one.words for one in total.explanations[:2])
    return told
