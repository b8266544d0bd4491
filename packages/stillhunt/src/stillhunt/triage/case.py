"""A case: the tables of one hunt, what explains them, and the folder they live in."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError, ContractError
from stillhunt.base.schema_case import CASE_TABLES, CASE_VIEWS
from stillhunt.triage.account_facts import account_facts
from stillhunt.triage.explain import Explanation
from stillhunt.triage.folder import StoredTables, public_run, read_run, write_folder
from stillhunt.triage.lookup import ID_KINDS, explain_id, resolve_id
from stillhunt.triage.model import CaseModel, case_model, run_facts
from stillhunt.triage.report import render_report
from stillhunt.triage.taken_summary import taken_summary

_ROWS_IN_NOTEBOOK = 12


class Case:
    """The result of a hunt: tables, explanations, and the case folder.

    Attributes:
        tables: file stem -> Arrow table, as `base/schema_case.py` declares them in `CASE_TABLES`.
        member_details: times and origins of each member's requests, and what the accounts table says of it.
        addresses: keyed hashes of the addresses and networks that each member uses most, to search by.
        phrases: hashes of the phrases by which each campaign is known.

    Args:
        tables: one table per key of `CASE_TABLES`.

    Raises:
        ContractError: a table is missing, unknown or has another shape; a score or bit is not a finite number.
    """

    def __init__(
        self,
        tables: Mapping[str, pa.Table],
        samples: pa.Table | None = None,
        timeline: pa.Table | None = None,
        run: Mapping[str, Any] | None = None,
        **views: pa.Table | None,
    ) -> None:
        missing = set(CASE_TABLES) - set(tables)
        if missing:
            raise ContractError(f"tables missing: {sorted(missing)}", where="Case")
        if unknown := set(views) - set(CASE_VIEWS):
            raise ContractError(f"no such tables: {sorted(unknown)}", where="Case")
        if not isinstance(tables, StoredTables):  # those are checked when they are read
            tables = {name: table.check(tables[name]) for name, table in CASE_TABLES.items()}
        self.tables = tables
        self.samples = _check_view("samples", samples)
        self.timeline = _check_view("timeline", timeline)
        self.origins = _check_view("origins", views.get("origins"))
        self.member_details = _check_view("member_details", views.get("member_details"))
        self.addresses = _check_view("addresses", views.get("addresses"))
        self._load_cited = partial(_check_view, "cited", views.get("cited"))
        self.taken = _check_view("taken", views.get("taken"))
        self.phrases = _check_view("phrases", views.get("phrases"))
        self.run: dict[str, Any] = public_run(run or {})
        for name, column in (("campaigns", "score"), ("accounts", "score"), ("members", "score"), ("evidence", "bits")):
            if not pc.all(pc.is_finite(tables[name][column]), min_count=0).as_py():
                raise ContractError("a number is not finite", where=f"{name}.{column}")

    @property
    def accounts(self) -> pa.Table:
        """Every account seen, with score and verdict."""
        return self.tables["accounts"]

    @property
    def members(self) -> pa.Table:
        """Which accounts serve which campaign."""
        return self.tables["members"]

    @property
    def slices(self) -> pa.Table:
        """Each account's traffic by content cluster."""
        return self.tables["slices"]

    @property
    def harvest(self) -> pa.Table:
        """The requests counted as harvested."""
        return self.tables["harvest"]

    @property
    def campaigns(self) -> pa.Table:
        """One row per campaign with the verdict act or review, the strongest first."""
        return self.tables["campaigns"].filter(pc.not_equal(self.tables["campaigns"]["verdict"], "none"))

    @property
    def left_alone(self) -> pa.Table:
        """The groups with the verdict none, in the same columns."""
        return self.tables["campaigns"].filter(pc.equal(self.tables["campaigns"]["verdict"], "none"))

    @property
    def evidence(self) -> pa.Table:
        """Every piece of evidence, in bits."""
        return self.tables["evidence"]

    @property
    def operators(self) -> pa.Table:
        """Which campaigns belong together, and why."""
        return self.tables["operators"]

    @property
    def rejects(self) -> pa.Table:
        """Rows that could not be used, with reasons."""
        return self.tables["rejects"]

    @property
    def cited(self) -> pa.Table:
        """The requests that findings name, with when, how and from where; of a folder they are read each time."""
        return self._load_cited()

    @property
    def views(self) -> dict[str, pa.Table]:
        """The tables of `CASE_VIEWS` by name, which only readers need."""
        return {name: getattr(self, name) for name in CASE_VIEWS}

    @property
    def model(self) -> CaseModel:
        """What there is to say about it; the screen, explanations and the report lay it out."""
        return case_model(self.tables, self.run, self.origins, self.member_details, self.taken)

    def explain(self, wanted_id: str, *, account: bool = False) -> Explanation:
        """Why an account or campaign has its score.

        Args:
            wanted_id: campaign or account; where both have the id, the campaign.

        Raises:
            CaseError: no account or campaign has this id; the nearest ones are named.
        """
        kinds = ("account",) if account else ID_KINDS
        found = explain_id(self.tables, self.run, str(wanted_id), self.origins, kinds)
        return replace(found, taken=self.what_was_taken(found.id)) if found.kind == "campaign" else found

    def what_was_taken(self, campaign_id: str) -> tuple[str, ...]:
        """What a campaign took, in sentences; none where it took nothing."""
        return taken_summary(self.taken, campaign_id, run_facts(self.tables, self.run).money)

    def account_facts(self, campaign: str | None = None) -> pa.Table:
        """What is known of the member accounts, also of those whose own verdict is none.

        Args:
            campaign: id, or the beginning of one, of a campaign or a group left alone; all campaigns if None.

        Raises:
            CaseError: no campaign has this id, or several begin with it.
        """
        model = self.model
        chosen = model.of_verdict("act", "review")
        if campaign is not None:
            _, name = resolve_id(self.tables, str(campaign), ("campaign",))
            chosen = [one for one in model.campaigns if one.row["campaign_id"] == name]
        return account_facts(model, chosen)

    def report(self) -> str:
        """The report as one self-contained HTML page."""
        return render_report(self.model, self.samples, self.timeline)

    def write(self, folder: str | Path, *, force: bool = False) -> Path:
        """Write the case folder, completely or not at all.

        Raises:
            OutputError: it exists, the disk is full, or permission is missing.
        """
        tables = {**self.tables, **self.views}
        return write_folder(Path(folder), tables, self.run, self.report, force=force)

    @classmethod
    def read(cls, folder: str | Path, hold: Callable[[pa.Table], pa.Table] | None = None) -> Self:
        """Open a case folder; its longest tables are read when first asked for.

        Args:
            hold: makes of each other table the same table as it is kept.

        Raises:
            CaseError: missing, damaged, or of another version.
        """
        run = read_run(Path(folder))
        views = StoredTables(Path(folder), tuple(CASE_VIEWS), hold)
        try:
            tables = StoredTables(Path(folder), tuple(CASE_TABLES), hold)
            case = cls(tables, run=run, **{name: views[name] for name in views if name != "cited"})
            case._load_cited = partial(views.read_again, "cited")
            return case
        except ContractError as error:
            raise CaseError(
                f"the case folder is damaged: {error.what}",
                where=f"{folder} {error.where}",
                next_step="run the hunt again",
            ) from error

    def __repr__(self) -> str:
        verdicts = self.campaigns["verdict"].to_pylist()
        found = f"{verdicts.count('act')} to act on, {verdicts.count('review')} to review"
        numbers = {"campaign": len(verdicts), "group": self.left_alone.num_rows, "account": self.accounts.num_rows}
        campaigns, groups, accounts = (formatting.plural(number, noun) for noun, number in numbers.items())
        return f"Case({campaigns}: {found}; {groups} left alone; {accounts})"

    def _repr_html_(self) -> str:
        """A small table for notebooks; all text escaped, no script."""
        campaigns = self.model.of_verdict("act", "review")
        cells = [
            Markup("<tr><td>{}</td><td>{}</td><td>{} ({})</td><td>{}</td><td>{}</td></tr>").format(
                formatting.shorten(row["campaign_id"], 48),
                formatting.shorten(row["verdict"], 12),
                formatting.probability(row["score"]),
                formatting.likelihood(row["score"]),
                formatting.count(row["accounts"]),
                formatting.count(row["requests"]),
            )
            for row in (campaign.row for campaign in campaigns[:_ROWS_IN_NOTEBOOK])
        ]
        names = ("campaign", "verdict", "probability", "accounts", "requests")
        header = Markup("<tr>{}</tr>").format(Markup("").join(map(Markup("<th>{}</th>").format, names)))
        more = len(campaigns) - len(cells)
        rest = Markup("<p>and {} more</p>").format(formatting.count(more)) if more > 0 else Markup("")
        rows = header + Markup("").join(cells)
        return str(Markup("<div><p>{}</p><table>{}</table>{}</div>").format(repr(self), rows, rest))


def _check_view(name: str, table: pa.Table | None) -> pa.Table:
    """A view that was given, checked; an empty one in place of None."""
    return CASE_VIEWS[name].empty() if table is None else CASE_VIEWS[name].check(table)
