"""Cards, mail domains, sign-up networks and sign-up times that accounts share beyond chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stillhunt.base import formatting
from stillhunt.base.parameters import judgement
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import CAPS, Finding
from stillhunt.score.evidence.kind import EvidenceKind, MemberWording, NeededColumn, Null, Wording, members_sharing
from stillhunt.score.evidence.kinds.open_customers import explained_by_customer
from stillhunt.score.stats.shared_keys import shared_value


def _weigh(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    customers, members = case.log.accounts.customers, case.candidate.accounts
    if explained_by_customer(case) or kind.name not in customers.codes or case.log.keys.customer(kind.name).empty:
        return None
    found = shared_value(customers.codes[kind.name][members], members, case.log.keys.customer(kind.name))
    finding = kind.finding(
        found.bits,
        {"members": members_sharing(found.sharing, len(members)), "sharing": found.sharing, "values": found.values},
        count=len(case.candidate.rows),
        member_bits=np.clip(found.member_bits, -CAPS.key_bits, CAPS.key_bits),
    )
    throwaway = int((customers.codes["disposable"][members] > 0).sum())
    if kind is MAIL_KIND and throwaway:
        also = f"; {formatting.count(throwaway)} of them {'uses' if throwaway == 1 else 'use'} disposable mail"
        return replace(finding, statement=finding.statement + also)
    return finding


def _kind(
    name: str, order: int, column: NeededColumn, measures: str, words: str, missing: str, member: str
) -> EvidenceKind:
    for_template = f"{{members}} {words}, which chance does not explain"
    return EvidenceKind(
        name=name,
        family="identity",
        order=order,
        measures=measures,
        null=Null(
            "three times the rate of comparison accounts in the same countries (e-values of Vovk and Wang 2021)",
            judgement("table score.shared_keys"),
        ),
        columns=(column,),
        calls="any",
        most_bits=None,
        least_bits=0.0,
        wording=Wording(for_template, for_template, f"The accounts table has no {missing}"),
        members=MemberWording(member, member.replace("that other members use too", "of its own")),
        weigh=_weigh,
    )


MAIL_KIND = _kind(
    "email_domain",
    230,
    NeededColumn("accounts.email_domain", "sign-ups with the same mail domain"),
    "mail domains shared beyond chance",
    "{sharing:has|have} mail addresses at {values:domain}",
    "mail domains",
    "Its mail address is at a domain that other members use too",
)
KINDS = (
    _kind(
        "payment_fingerprint",
        220,
        NeededColumn("accounts.payment_fingerprint", "shared cards"),
        "payment instruments shared beyond chance",
        "{sharing:pays|pay} with {values:payment instrument}",
        "payment instruments",
        "It pays with an instrument that other members use too",
    ),
    MAIL_KIND,
    _kind(
        "signup_prefix",
        240,
        NeededColumn("accounts.signup_ip", "shared sign-up networks"),
        "sign-up networks shared beyond chance",
        "signed up from {values:network}",
        "sign-up networks",
        "It signed up from a network that other members use too",
    ),
    _kind(
        "created_at",
        250,
        NeededColumn("accounts.created_at", "bursts of sign-ups"),
        "sign-up times, in windows of 12 hours, shared beyond chance",
        "signed up within {values:window} of 12 hours",
        "sign-up times",
        "It signed up in a 12-hour window that other members use too",
    ),
)
