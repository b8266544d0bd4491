"""A pack's verdict derived again: from its evidence alone, or by hunting the logs once more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from stillhunt import Config, ContractError, PackError, StillhuntError, __version__
from stillhunt.case import (
    CASE_TABLES,
    CASE_VERSION,
    CASE_VIEWS,
    DERIVABLE_VERSIONS,
    REPORT_FILE,
    RUN_FILE,
    Case,
    canonical_order,
)
from stillhunt.tools import Table, table_of_parquet
from stillhunt.verdicts import RebuiltVerdict, verdict_parameters
from stillhunt_evidence.packs.contents import LEFT_OUT_TABLES, Discretion, cut_case, digest_of_ids
from stillhunt_evidence.packs.making import HUNT_FACTS, INPUT_FACTS, MADE_AT, verdict_again
from stillhunt_evidence.packs.manifest import PARAMETERS_FILE
from stillhunt_evidence.packs.proof_file import PROOF_FILE, decoded_proof, proof_faults
from stillhunt_evidence.packs.rendering import (
    ATTRIBUTION_FILE,
    DESCRIBED_FILES,
    DOSSIER_FILE,
    NARRATIVE_FILE,
    README_FILE,
    dossier_page,
    readme_text,
    report_page,
)
from stillhunt_evidence.packs.verifying import VerifiedPack
from stillhunt_evidence.pages.error_rates import changed_settings

_MOST_MEMBERS = 1_000_000
"""Rows of members.parquet, and of tables that do not grow with it. Judgement: forty times the largest known."""
_MOST_FINDINGS = 64
"""Findings about one member; twice as many as there are kinds."""
_MOST_EXAMPLES = 4
"""Cited requests for each finding, on average."""
_LONGEST_MAKING = timedelta(days=1)
"""Between the time in the header and that of the stamp; making takes seconds, and clocks may differ. Judgement."""
_WIDENING = timedelta(hours=1)
"""By which a pack widens the end of its campaign."""
_NOT_OF_A_HUNT = ("identity_key", "mmdb", "batch_rows")
"""Settings of collect that name files and secrets of one machine, or change no result."""


@dataclass(frozen=True)
class Rebuilt:
    """What came out."""

    verdict: RebuiltVerdict
    differences: list[str]  # one phrase for each number that differs from the pack's; empty where all agree
    # which settings of the hunt differ from the defaults, in one sentence: they can make any verdict; empty where none
    # does
    changed_settings: str


def rebuild_pack(pack: VerifiedPack) -> Rebuilt:
    """The verdict of a pack again, from its tables in whatever order their rows are, and its pages.

    It shows that the verdict follows from what was measured, and that pages, header and record say the same. It does
    not show that this was measured rightly: for that the logs are needed. Nothing ties the narrative, the comparison
    with actors, excerpts, origins and times to the verdict.

    Raises:
        PackError: a table is damaged, or the pack was made by another version, whose rules this one does not know.
    """
    case = case_of_pack(pack)
    if case.run.get("case_version") not in DERIVABLE_VERSIONS:
        raise PackError(
            f"its case has version {case.run.get('case_version')!r:.20}, and this stillhunt knows {CASE_VERSION}",
            where="run.json of the pack",
            next_step="rebuild it with the version that made it",
        )
    try:
        found, differences = verdict_again(case)
    except ContractError as error:
        raise PackError(f"the verdict cannot be derived: {error.what}", where=f"pack: {error.where}") from error
    differences += _other_parameters(pack)
    try:
        differences += _record_differences(pack, case)
    except (AttributeError, TypeError, ValueError) as error:
        raise PackError("the header or the record is not what a hunt writes", where="manifest, run.json") from error
    differences += _proof_differences(pack)
    differences += _page_differences(pack, case)
    return Rebuilt(found, differences, changed_settings(case.run).sentence)


def case_of_pack(pack: VerifiedPack) -> Case:
    """The case of one campaign that a pack has.

    Raises PackError: a table or the record is damaged, or far longer than it can be.
    """
    members = _read_pack_table(pack, "members", _MOST_MEMBERS)
    rows = {"campaigns": 1, "accounts": members.num_rows, "evidence": (members.num_rows + 1) * _MOST_FINDINGS}
    rows["cited"] = rows["evidence"] * _MOST_EXAMPLES
    loaded = {
        name: _read_pack_table(pack, name, rows.get(name, _MOST_MEMBERS))
        for name in {**CASE_TABLES, **CASE_VIEWS}
        if name not in LEFT_OUT_TABLES and name != "members"
    }
    loaded["members"] = members
    tables = {name: loaded.get(name, table.empty()) for name, table in CASE_TABLES.items()}
    try:
        return Case(tables, run=_read_hunt_record(pack), **{name: loaded.get(name) for name in CASE_VIEWS})
    except (ContractError, AttributeError, TypeError) as error:
        raise PackError("the tables of the pack are not those of a case", where="tables of the pack") from error


def _other_parameters(pack: VerifiedPack) -> Iterator[str]:
    try:
        theirs = msgspec.json.decode(pack.files.get(PARAMETERS_FILE, b""), type=dict[str, dict[str, Any]])
    except msgspec.MsgspecError:
        theirs = {}
    # An older pack also names numbers that are no parameters any more; each that is one must be the same.
    own = verdict_parameters()
    if any(theirs.get(table, {}).get(name) != value for table, ones in own.items() for name, value in ones.items()):
        yield "parameters: those of this stillhunt are others than those of the pack"


def _record_differences(pack: VerifiedPack, case: Case) -> Iterator[str]:
    """Where the header, the record and the tables say different things, and files that no pack has."""
    header, run = pack.manifest.header, case.run
    (row,) = case.tables["campaigns"].to_pylist()
    said = header.get("campaign", {})
    expected = {name: row[name] for name in ("campaign_id", "kind", "verdict", "accounts", "requests")}
    if said != {**expected, "score": repr(row["score"])}:
        yield "manifest: the header says something else of the campaign than its table"
    if header.get("hunt") != {name: run.get(name) for name in HUNT_FACTS}:
        yield "manifest: the header says something else of the hunt than run.json"
    if header.get("inputs") != [{name: one.get(name) for name in INPUT_FACTS} for one in run.get("inputs", [])]:
        yield "manifest: the header names other inputs than run.json"
    if set(case.accounts["account_id"].to_pylist()) != set(case.members["account_id"].to_pylist()):
        yield "accounts: they are not the members"
    for name in sorted(set(pack.files) - set(DESCRIBED_FILES)):
        yield f"{name}: no pack has such a file"


def _proof_differences(pack: VerifiedPack) -> Iterator[str]:
    """Where the result of `stillhunt model prove` does not follow from the p-values of its tests."""
    if PROOF_FILE in pack.files:
        header = pack.manifest.header
        proof = decoded_proof(pack.files[PROOF_FILE], f"{PROOF_FILE} of the pack")
        for fault in proof_faults(proof, header["campaign"]["campaign_id"], header["harvest"]):
            yield f"{PROOF_FILE}: {fault}"


def _page_differences(pack: VerifiedPack, case: Case) -> Iterator[str]:
    """Pages that are not those which this version makes of the tables; those of another version are not compared."""
    if pack.manifest.header["pack"].get("madeBy") != f"stillhunt {__version__}":
        return
    try:
        narrative = pack.files.get(NARRATIVE_FILE, b"").decode()
        attribution = msgspec.json.decode(pack.files[ATTRIBUTION_FILE]) if ATTRIBUTION_FILE in pack.files else None
        proof = decoded_proof(pack.files[PROOF_FILE], PROOF_FILE) if PROOF_FILE in pack.files else None
        made = {
            README_FILE: readme_text(pack.manifest.header),
            REPORT_FILE: report_page(case),
            DOSSIER_FILE: dossier_page(case, pack.manifest.header, narrative, attribution, proof, pack.files),
        }
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError, msgspec.MsgspecError, StillhuntError):
        yield "pages: they cannot be made of what is in the pack"
        return
    for name, page in made.items():
        if pack.files.get(name) != page:
            yield f"{name}: it is not the page that follows from the tables"
    stamped = pack.stamped or pack.claimed
    if not _can_be_made(pack.manifest.header["pack"].get("madeAt"), case, stamped):
        yield "manifest: the pack cannot have been made at the time that its header says"


def _can_be_made(said: object, case: Case, stamped: datetime | None) -> bool:
    """Whether a pack can have been made when its header says: after its campaign, and shortly before its stamp."""
    try:
        made_at = datetime.strptime(str(said), MADE_AT).replace(tzinfo=UTC)
    except ValueError:
        return False
    last: datetime = case.tables["campaigns"]["last_seen"][0].as_py()
    return made_at + _WIDENING >= last and (stamped is None or abs(stamped - made_at) <= _LONGEST_MAKING)


def settings_again(pack: VerifiedPack, own: Config, discretion: Discretion) -> Config:
    """The settings under which the logs have to be hunted again.

    Raises PackError: the allowed programmes of this machine are others, or the settings of the pack are damaged.
    """
    settings = _read_hunt_record(pack).get("settings", {})
    names = discretion.names
    allowed = {
        "accounts": sorted(names.one("account", one) for one in own.sanctioned.accounts),
        "organizations": sorted(names.one("organisation", one) for one in own.sanctioned.organizations),
    }
    if allowed != settings.get("sanctioned"):
        raise PackError(
            "the hunt of the pack allowed other programmes than the settings here",
            where="setting sanctioned",
            next_step="use the settings of that hunt, and the key of pseudonyms of the machine that made the pack",
        )
    plain = own.model_dump()
    for group in ("link", "resolve", "score", "report"):
        plain[group] = settings[group]
    plain["seed"] = settings["seed"]
    kept = {name: plain["collect"][name] for name in _NOT_OF_A_HUNT}
    plain["collect"] = {**settings["collect"], **kept}
    try:
        return Config(**plain)
    except ValidationError as error:
        raise PackError("the settings of the pack are damaged", where="run.json of the pack") from error


def hunt_differences(pack: VerifiedPack, again: Case, discretion: Discretion) -> list[str]:
    """Where a hunt of the same logs says something else than the pack.

    Returns one phrase for each table and column that differs; empty where every row is the same, bit for bit. Inputs
    are compared where the logs are the same files: a log that is divided otherwise gives the same findings.
    """
    stored = case_of_pack(pack)
    (campaign,) = stored.tables["campaigns"].to_pylist()
    members = sorted(stored.members["account_id"].to_pylist())
    found = _same_members(again, members, discretion)
    if found is None:
        return ["campaigns: the logs show no campaign of these accounts"]
    cut = cut_case(again, found, discretion)
    before, after = ({**one.tables, **one.views} for one in (stored, cut))
    differences = list(_table_differences(before, after, str(campaign["campaign_id"])))
    own = again.harvest.filter(pc.equal(again.harvest["campaign_id"], found))
    before_9 = own.sort_by([("slice_id", "ascending"), ("request_id", "ascending")])  # the order of cases until then
    orders = canonical_order("harvest", own), before_9
    if pack.manifest.header.get("harvest") not in [digest_of_ids([one["request_id"]]) for one in orders]:
        differences.append("harvest: the requests are others than those that the header names")
    return differences


def inputs_compared(pack: VerifiedPack, again: Case) -> str:
    """Whether the logs are the files that the pack names, in one sentence."""
    named = {one.get("sha256") for one in pack.manifest.header.get("inputs", [])}
    if named == {one.get("sha256") for one in again.run.get("inputs", [])}:
        return "the logs are the files that the pack names, by their SHA-256"
    return "the logs are other files than the pack names"


def _same_members(again: Case, members: list[str], discretion: Discretion) -> str | None:
    """The campaign of the new hunt that has these members, whatever it is called."""
    found: dict[str, list[str]] = {}
    accounts = discretion.names.column("account", again.members["account_id"]).to_pylist()
    for account, campaign in zip(accounts, again.members["campaign_id"].to_pylist(), strict=True):
        found.setdefault(campaign, []).append(account)
    return next((name for name, own in found.items() if sorted(own) == members), None)


def _table_differences(stored: Mapping[str, pa.Table], again: Mapping[str, pa.Table], campaign: str) -> Iterator[str]:
    for name in (one for one in stored if one not in LEFT_OUT_TABLES and one != "operators"):
        before, after = (
            canonical_order(name, _replace_campaign_id(table, campaign)) for table in (stored[name], again[name])
        )
        if before.num_rows != after.num_rows:
            yield f"{name}: {after.num_rows} rows, in the pack {before.num_rows}"
            continue
        for column in before.column_names:
            if not before[column].combine_chunks().equals(after[column].combine_chunks()):
                yield f"{name}: the column {column} differs"


def _replace_campaign_id(table: pa.Table, campaign: str) -> pa.Table:
    """A table about one campaign with another id for it: a watch gives lasting ids of its own."""
    place = table.schema.get_field_index("campaign_id")
    named = pc.if_else(pc.is_valid(table["campaign_id"]), campaign, None)
    return table.set_column(place, table.schema.field(place), named.cast(pa.string()))


def _read_pack_table(pack: VerifiedPack, name: str, most_rows: int) -> pa.Table:
    shape: Table = {**CASE_TABLES, **CASE_VIEWS}[name]
    try:
        table = shape.check(table_of_parquet(pack.files[f"tables/{name}.parquet"], most_rows))
        table.validate(full=True)
    except (KeyError, OSError, pa.ArrowException, ContractError) as error:
        raise PackError(f"a table of the pack cannot be read: {error}", where=f"tables/{name}.parquet") from error
    return table


def _read_hunt_record(pack: VerifiedPack) -> dict[str, Any]:
    try:
        return msgspec.json.decode(pack.files[RUN_FILE], type=dict[str, Any])
    except (KeyError, msgspec.MsgspecError) as error:
        raise PackError("the record of the hunt cannot be read", where=RUN_FILE) from error
