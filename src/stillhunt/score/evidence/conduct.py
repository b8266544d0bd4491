"""How the requests are made: what they ask for, and whether people stand behind them.

Safety researchers, teams that grade with a model and firms that keep audit trails ask for the same things as a
harvest, so that a trait is weighed against how *groups* of honest accounts differ, most of them all or nothing, and
never against single requests. The log's other groups may only raise what is usual, each counting once and the extremes
cut away, so that neither the candidate nor another campaign makes itself usual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.score.context import kernels
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import Flags, Ints
from stillhunt.score.context.frame import Frame
from stillhunt.score.context.log_facts import DAY
from stillhunt.score.evidence.findings import Finding, examples
from stillhunt.score.stats.rates import Spread, part_bits, share_ratio


@dataclass(frozen=True)
class Trait:
    """Something that requests ask for.

    Attributes:
        words: what, for the statement.
        flags: conduct flags of which any one shows it, see `extract/text/conduct.py`.
        usual: share of honest groups that live on it, frozen.
        weight: part of harvesting operations that live on it.
    """

    words: str
    flags: int
    usual: float
    weight: float


ASKS = (
    Trait("elicit reasoning", 1 << 0 | 1 << 1, 0.06, 0.18),
    Trait("have answers graded", 1 << 2, 0.05, 0.08),
    Trait("have traces rewritten or cleaned", 1 << 3, 0.02, 0.06),
    Trait("probe for hidden instructions or reasoning", 1 << 4 | 1 << 7, 0.02, 0.06),
    Trait("drive tools step by step, as agent trajectories do", 1 << 5, 0.06, 0.12),
)
ANY_OF_THEM = Trait("elicit reasoning, grade, clean, probe or drive tools", 0b10111111, 0.12, 0.10)
"""Operations that take several skills at once."""
TRAITS = (*ASKS, ANY_OF_THEM)
"""Weights after the operations that providers have described. They sum to 0.6: the rest ask nothing special, or word
it so that the lexicon does not see it, so that absence costs 1.3 bits at most."""
ALL_OR_NOTHING = 1.0
"""Strength of the spread over honest groups: a template either asks for a thing or it does not."""
ASKED = Spread(0.75, 4.0)
"""Share of an operation's requests that show its trait: most, less what wording anew hides from the lexicon."""
EXTREMES = 0.1
"""Share of the log's groups cut away at the upper end before they say what is usual."""
LEAST_GROUPS = 10
FEW = 20
"""Requests below which no share is judged."""

OWN_DATA = 1 << 11
HONEST_OWN = Spread(0.10, 2.0)
TAKEN_OWN = Spread(0.02, 20.0)
"""Share of requests that speak of the writer's own files, firm or mail: none to a quarter in honest groups of the
worlds, up to 8 % in their campaigns, whose items are borrowed from users."""
HONEST_CHECKS = Spread(0.05, 1.5)
TAKEN_CHECKS = Spread(0.002, 30.0)
"""Share of requests that repeat the account's own earlier prompt on another day."""
HONEST_TALK = Spread(0.06, 3.0)
TAKEN_TALK = Spread(0.004, 40.0)
"""Share of conversations in which somebody asks back twice or more as people do."""
MANNERS_PART = 0.85
"""Part of operations without own data, checks and talk; relays of real customers have them."""
MANNERS_MOST = 0.5
"""Most bits that their absence says: pipelines of honest firms have none of them either."""
MANNERS_LEAST = -3.0


def asked_conduct(frame: Frame, candidate: Candidate) -> Finding:
    """What the requests ask for, against how honest groups differ.

    Args:
        frame: the log.
        candidate: the candidate.

    Returns:
        Bits of a mixture over the traits: an operation lives on one of them, or on none.
    """
    rows = candidate.rows
    conduct = frame.numbers("conduct", rows)
    if len(rows) < FEW:
        return Finding("conduct", "asked_conduct", "too few requests to say what they ask for", 0.0)
    ratio, shown, strongest = 1.0 - sum(trait.weight for trait in TRAITS), TRAITS[0], 0.0
    for trait in TRAITS:
        hits = int(np.count_nonzero(conduct & trait.flags))
        usual = max(trait.usual, _usual_here(frame, candidate, trait))
        own = share_ratio(hits, len(rows), Spread(usual, ALL_OR_NOTHING), ASKED)
        ratio += trait.weight * own
        if trait.weight * own > strongest:
            shown, strongest = trait, trait.weight * own
    hit = (conduct & shown.flags) > 0
    usual = max(shown.usual, _usual_here(frame, candidate, shown))
    return Finding(
        "conduct",
        "asked_conduct",
        f"{hit.mean():.0%} of its requests {shown.words}; in other groups {usual:.0%} do, all or nothing",
        float(np.log2(ratio)),
        examples(rows[hit]),
        int(hit.sum()),
    )


def _usual_here(frame: Frame, candidate: Candidate, trait: Trait) -> float:
    """Mean share over the log's other groups, each counting once, without the upper tenth of them."""
    others = frame.groups.others(candidate.slice_cluster)
    if others.sum() < LEAST_GROUPS:
        return 0.0
    order, share = frame.groups.by_share(trait.flags)
    share = share[others[order]]
    return float(share[: len(share) - int(np.ceil(EXTREMES * len(share)))].mean())


def own_matters(frame: Frame, candidate: Candidate) -> list[Finding]:
    """What speaks for customers with matters of their own: own data, checks over days, talk.

    Args:
        frame: the log.
        candidate: the candidate.
    """
    found = (_own_data(frame, candidate), _own_checks(frame, candidate), _talk(frame, candidate))
    return [finding for finding in found if finding is not None]


def _own_data(frame: Frame, candidate: Candidate) -> Finding | None:
    own = (frame.numbers("conduct", candidate.rows) & OWN_DATA) > 0
    return _manners(
        "own_data",
        f"{own.mean():.0%} of its requests speak of the writers' own files, firms or mail" if len(own) else "",
        candidate.rows,
        own,
        (HONEST_OWN, TAKEN_OWN),
    )


def _own_checks(frame: Frame, candidate: Candidate) -> Finding | None:
    """Prompts that an account sends again on another day, as scheduled checks do; retries are of the same day."""
    first = np.searchsorted(candidate.row_account, np.arange(len(candidate.accounts) + 1))
    again = kernels.again_later(first, frame.whole[candidate.rows], frame.time[candidate.rows] // DAY)
    return _manners(
        "own_checks",
        f"{again.mean():.1%} of its requests repeat what the account asked on an earlier day" if len(again) else "",
        candidate.rows,
        again,
        (HONEST_CHECKS, TAKEN_CHECKS),
    )


def _talk(frame: Frame, candidate: Candidate) -> Finding | None:
    """Conversations behind the slices, later turns included, which lack the template and so are in no slice."""
    if (frame.turn[candidate.rows] < 0).all():
        return None
    rows = candidate.rows[np.unique(frame.conversation[candidate.rows], return_index=True)[1]]
    asked = frame.asked_back[rows] >= 2
    if not asked.any() and _torn(frame, candidate):
        return None
    return _manners(
        "talk",
        f"in {asked.mean():.1%} of its conversations somebody asks back twice or more, as people do",
        rows,
        asked,
        (HONEST_TALK, TAKEN_TALK),
    )


def _torn(frame: Frame, candidate: Candidate) -> bool:
    """Whether there are later turns, and yet the log tells of no two requests that they are one conversation."""
    rows = frame.rows_of(candidate.accounts)
    return bool((frame.turn[rows] > 0).any()) and len(np.unique(frame.conversation[rows])) == len(rows)


def _manners(kind: str, statement: str, rows: Ints, shown: Flags, spreads: tuple[Spread, Spread]) -> Finding | None:
    if len(shown) < FEW:
        return None
    honest, taken = spreads
    bits = part_bits(share_ratio(int(shown.sum()), len(shown), honest, taken), MANNERS_PART)
    bits = float(np.clip(bits, MANNERS_LEAST, MANNERS_MOST))
    if bits > 0:  # the rarity is what speaks for it
        statement = statement.replace("in ", "in only ", 1) if statement.startswith("in ") else f"only {statement}"
    return Finding("conduct", kind, statement, bits, examples(rows[shown]), int(shown.sum()))
