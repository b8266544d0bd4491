"""Addresses and networks from which several accounts send, beyond chance."""

from __future__ import annotations

import numpy as np

from stillhunt.base.parameters import judgement
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import CAPS, Finding
from stillhunt.score.evidence.kind import EvidenceKind, MemberWording, NeededColumn, Null, Wording, members_sharing
from stillhunt.score.evidence.kinds.open_customers import explained_by_customer
from stillhunt.score.stats.shared_keys import shared_address


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    members, key = case.candidate.accounts, case.log.keys.address(kind.name)
    if key.empty or explained_by_customer(case):
        return None
    found = shared_address(members, key)
    return kind.finding(
        found.bits,
        {"members": members_sharing(found.sharing, len(members)), "sharing": found.sharing, "values": found.values},
        count=len(case.candidate.rows),
        member_bits=np.clip(found.member_bits, -CAPS.key_bits, CAPS.key_bits),
    )


def _kind(name: str, order: int, measures: str, nouns: str, member: str) -> EvidenceKind:
    words = f"{{members}} {{sharing:sends|send}} from {{values:#{nouns}}}, which chance does not explain"
    return EvidenceKind(
        name=name,
        family="network",
        order=order,
        measures=measures,
        null=Null(
            "three times the rate of comparison accounts in the same countries (e-values of Vovk and Wang 2021)",
            judgement("table score.shared_keys"),
        ),
        columns=(
            NeededColumn("client_ip", "shared addresses and networks"),
            NeededColumn("country", "allowance for what accounts of one country share by chance", enough=False),
        ),
        calls="any",
        most_bits=None,
        least_bits=0.0,
        wording=Wording(words, words, "The log has no client addresses"),
        members=MemberWording(
            f"It sends from {member} that other members use too", f"It sends from {member} of its own"
        ),
        weigh=_weigh,
    )


KINDS = (
    _kind("client_ip", 260, "addresses shared beyond chance", "shared address|shared addresses", "an address"),
    _kind(
        "client_prefix",
        270,
        "networks (/24 or /48) shared beyond chance",
        "shared network (/24 or /48)|shared networks (/24 or /48)",
        "a network",
    ),
)
