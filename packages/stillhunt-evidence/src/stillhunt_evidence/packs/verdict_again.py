"""The verdict of a cut case derived again from its evidence, before it is signed and whenever somebody asks."""

from __future__ import annotations

from pydantic import ValidationError

from stillhunt import CaseError, Config, ContractError
from stillhunt.case import Case
from stillhunt.verdicts import EVIDENCE_PLUGINS, RebuiltVerdict, plugins_named, rebuild_verdict, verdict_differences
from stillhunt_evidence.packs.contents import SETTINGS_OF_HUNTS

_DAMAGED = (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValidationError, ValueError)
"""What comes of a record whose parts are not what a hunt writes."""
_DIFFERENCES_SHOWN = 3


def verdict_again(case: Case) -> tuple[RebuiltVerdict, list[str]]:
    """The verdict on the one campaign of a case, and one phrase for each number of the case that does not follow.

    Args:
        case: from `cut_case`, or from a pack.

    Raises:
        ContractError: the tables or the record are not those of one campaign of a hunt.
    """
    try:
        settings, budget = case.run["settings"], case.run["budget"]
        config = Config(**{name: value for name, value in settings.items() if name in SETTINGS_OF_HUNTS})
        accounts, days = int(budget["accounts"]), float(budget["days"])
        if accounts < 1 or not 0.0 <= days < 1e6:
            raise ContractError("no log has so many accounts and days", where="budget in run.json")
        (campaign,) = case.tables["campaigns"].to_pylist()
        tables = (case.tables["evidence"], case.tables["members"], case.tables["accounts"])
        found = rebuild_verdict(*tables, config, accounts, days, plugins_named(case.run, EVIDENCE_PLUGINS))
        return found, verdict_differences(found, campaign, *tables, config)
    except ContractError:
        raise
    except _DAMAGED as error:
        raise ContractError(
            f"the record of the hunt is not what a hunt writes ({type(error).__name__})", where="run.json"
        ) from error


def check_case(case: Case, where: str) -> None:
    """Refuse to sign what does not follow.

    Args:
        case: from `cut_case`.

    Raises:
        CaseError: the case was changed or damaged, or another version of stillhunt with other parameters wrote it.
    """
    try:
        differences = verdict_again(case)[1]
    except ContractError as error:
        differences = [error.what]
    if differences:
        raise CaseError(
            f"the verdict does not follow from the evidence: {'; '.join(differences[:_DIFFERENCES_SHOWN])}",
            where=where,
            next_step="run the hunt again with this version of stillhunt",
        )
