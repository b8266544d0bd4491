"""How much one key may say about one member."""

from __future__ import annotations

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters


class MemberEvidence(NamedTuple):
    """Bounds of evidence about single members."""

    key_bits: float


CAPS = read_parameters(MemberEvidence, "score.member_evidence")
