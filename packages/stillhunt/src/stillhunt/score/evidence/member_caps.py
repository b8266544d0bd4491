"""How much one key may say about one member."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import judgement, parameter, parameter_table, values_of


@parameter_table("score.member_evidence", "How much one kind of evidence may say about one member.")
@dataclass(frozen=True)
class MemberEvidence:
    """Bounds of evidence about single members."""

    key_bits: float = parameter(
        6.0,
        unit="bits",
        meaning="Most bits that one kind may say about one account's membership.",
        provenance=judgement("a member needs a second kind to be all but certain"),
    )


CAPS = values_of(MemberEvidence)
