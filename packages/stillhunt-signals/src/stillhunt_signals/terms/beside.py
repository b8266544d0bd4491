"""What a hunt says of the terms beside each campaign: facts of its own label, in no sum and no verdict."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from stillhunt import Case, Config
from stillhunt_signals.terms.breaches import TermsChecker
from stillhunt_signals.terms.declared import read_terms

LABEL = "breach of terms"


def breaches_beside(config: Config) -> Callable[[Case], Mapping[str, list[tuple[str, str]]]] | None:
    """What adds breaches of the terms to a case; None where no terms are declared.

    Raises ConfigError: the terms cannot be used; this is said before the hunt.
    """
    if not config.terms:
        return None
    path = Path(config.terms)
    checker = TermsChecker(read_terms(path), path.parent)
    return lambda case: {
        campaign: [(f"{LABEL}, {clause}", words) for clause, words in told.items()]
        for campaign, told in breach_words(case, checker).items()
    }


def breach_words(case: Case, checker: TermsChecker) -> dict[str, dict[str, str]]:
    """Campaign or group left alone -> clause -> its breach, in sentences."""
    found: dict[str, dict[str, str]] = {}
    today = datetime.now(UTC).date()
    for row in case.tables["campaigns"].to_pylist():
        own = case.member_details.filter(pc.equal(case.member_details["campaign_id"], row["campaign_id"])).to_pylist()
        breaches: list[Any] = checker.breaches(own, row["models"], today)
        if breaches:
            found[row["campaign_id"]] = {
                one.clause.name: one.words(len(own), checker.terms.version) for one in breaches
            }
    return found
