"""How often attribution is right, how well its probabilities are calibrated, and whether false flags fool it.

Examples, from the repository's root:

    python benchmarks/evidence/attribution.py                     the figures, on seeds that chose nothing
    python benchmarks/evidence/attribution.py --hunted            also worlds that are built and hunted
    python benchmarks/evidence/attribution.py --hunted --write docs/attribution-figures.md

The cases are those of `attribution_cases.py`, the hunted worlds those of `attribution_hunted.py`. Exit code 1 where a
false flag below the perfect one gets a name, fewer than 99 % of names are right, or actors get more probability
than comes true, by more than 0.05.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from attribution_cases import PERFECT, STRENGTHS, World, false_flag, honest_world
from attribution_hunted import hunted_rows

from stillhunt.base import formatting
from stillhunt_evidence.actors.attribution import attribute_seen
from stillhunt_evidence.actors.observed import seen_case
from stillhunt_evidence.actors.parameters import NAMING

HELD_OUT_SEEDS = range(3001, 3151)
SHIFTED_SEEDS = range(4001, 4061)
FLAG_SEEDS = range(6001, 6201)
PERFECT_SEEDS = range(8001, 8021)
BINS = 10
PAGE = """# Figures of attribution

For whoever judges [attribution](howto/attribute.md): how often it names an actor, how often it is right, and what a
false flag does. Written by `benchmarks/evidence/attribution.py --hunted --write`.

The cases are made by a generator that knows no parameter of the product: 4 to 16 actors in the file, 8 who are not, 10
campaigns a case of 3 to 120 accounts. Files are incomplete, and a tenth of their fields out of date; some call a hoster
an own network. Actors share clients, hosters, countries and suppliers, four strangers in ten resemble an actor of the
file, 2 % of the campaigns are tied to somebody else's by a seller of accounts, and each log lacks some columns. It is a
simulation: whether actors out there leave as many marks, nobody has measured.
"""
HONEST = """## Without false flags

Strangers are campaigns by actors who are not in the file; *stated* is what the file says of them. *Costly marks* are
those of 6.5 bits or more that are costly to plant, of the true actor, in campaigns that may be named at all. ECE is the
expected calibration error of the likeliest answer over ten bins, somebody else being an answer.

| cases | campaigns | right when named | named, of campaigns by actors of the file | the same, with costly marks | \
likeliest is right | ECE | ECE where nobody is named |
|---|---|---|---|---|---|---|---|"""
FLAGS = """
## False flags

One actor's marks in another's campaign. The framer knows the whole file, the log has every column, and the target has
an own network and a known campaign in the case. Half of the campaigns take the target's skill and end before a release
that was announced; half of the framers are in the file, too.

| what is planted | cases | named | target is likeliest | with mean probability |
|---|---|---|---|---|"""
AFTER_FLAGS = """
A perfect false flag must win: its marks are those of the actor. The answer then says what the false flag would have
needed, and that no log shows the difference. Where marks are planted and nobody is named, the target may still be
likeliest, and with a high probability: the bits know no planting, and the decision does not rest on them alone."""
CALIBRATION = """Probabilities are what the prior and the printed bits give, and nothing else. The prior is learned
from the other campaigns of a case: how many are by actors of the file, and how few the marks of each fit."""


@dataclass(frozen=True)
class Outcome:
    """One campaign that was attributed.

    Attributes:
        actor: who runs it.
        framed: whose marks are planted; None where nobody's are.
        in_file: its actor is in the file.
        named: who was named; None where nobody was.
        likeliest, confidence: the likeliest actor, or None for somebody else, and its probability.
        costly: bits of the true actor's marks that are costly to plant, where the campaign could be named at all.
        strength: of a false flag.
    """

    actor: str
    framed: str | None
    in_file: bool
    named: str | None
    likeliest: str | None
    confidence: float
    costly: float
    strength: int = -1

    @property
    def right(self) -> bool:
        """The likeliest is the true one, or somebody else where the true one is not in the file."""
        return self.likeliest == (self.actor if self.in_file else None)


def outcomes(world: World, strength: int = -1) -> list[Outcome]:
    """Attribute each campaign of a world."""
    case = seen_case(world.case, world.actors.hashes)
    found = []
    for truth in world.truth:
        result = attribute_seen(case, truth.campaign_id, world.actors)
        names = tuple(one.actor.name for one in result.actors)
        first = result.actors[0]
        sure = first.probability > result.somebody_else
        likeliest, confidence = (first.actor.name, first.probability) if sure else (None, result.somebody_else)
        row = case.campaigns[truth.campaign_id].row
        able = row["verdict"] == "act" and row["accounts"] >= NAMING.accounts
        costly = [one.weight.costly for one in result.actors if one.actor.name == truth.actor and able]
        found.append(
            Outcome(
                truth.actor,
                truth.framed,
                truth.actor in names,
                result.named,
                likeliest,
                confidence,
                sum(costly),
                strength,
            )
        )
    return found


def of_honest(seed: int, strangers: float, stated: float = NAMING.somebody_else) -> list[Outcome]:
    """The campaigns of one world that nobody framed."""
    return outcomes(honest_world(seed, strangers, stated))


def of_flag(seed: int, *, perfect: bool) -> list[Outcome]:
    """One false flag; strengths, bait and framers take turns."""
    number = seed - (PERFECT_SEEDS if perfect else FLAG_SEEDS).start
    strength, rest = (PERFECT, number) if perfect else (number % len(STRENGTHS), number // len(STRENGTHS))
    return outcomes(false_flag(seed, strength, bait=rest % 2 == 1, by_known=rest // 2 % 2 == 1), strength)


def gathered(work: Callable[[int], list[Outcome]], seeds: Iterable[int]) -> list[Outcome]:
    """The outcomes of all seeds, in their order."""
    with ProcessPoolExecutor(2) as pool:
        return [one for found in pool.map(work, seeds, chunksize=4) for one in found]


def bins_of(found: Sequence[tuple[float, bool]]) -> list[tuple[int, float, float]]:
    """Number, mean confidence and share that is right in each of ten equally wide bins that is not empty."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for one in found:
        bins[min(int(one[0] * BINS), BINS - 1)].append(one)
    return [(len(own), sum(c for c, _ in own) / len(own), sum(r for _, r in own) / len(own)) for own in bins if own]


def calibration_error(found: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error over those bins (Guo et al. 2017)."""
    return sum(number * abs(mean - share) for number, mean, share in bins_of(found)) / max(len(found), 1)


def overclaimed(found: Sequence[tuple[float, bool]]) -> float:
    """As the calibration error, of bins alone where fewer are right than their probability says."""
    return sum(number * max(mean - share, 0.0) for number, mean, share in bins_of(found)) / max(len(found), 1)


def answers_sentence(who: str, found: Sequence[Outcome]) -> str:
    """How probable an answer was, and how often right."""
    number = max(len(found), 1)
    mean, right = sum(one.confidence for one in found) / number, sum(one.right for one in found) / number
    return (
        f"Where {who} was likeliest ({formatting.count(len(found))} campaigns), the mean probability was {mean:.3f}, "
        f"and {right:.3f} were right."
    )


def honest_row(words: str, found: Sequence[Outcome]) -> str:
    """One row of the first table."""
    named = [one for one in found if one.named]
    right = sum(one.named == one.actor for one in named)
    able = [one for one in found if one.in_file]
    costly = [one for one in able if one.costly >= NAMING.costly_bits]
    own = sum(one.named == one.actor for one in able)
    ece, rest = (
        calibration_error([(one.confidence, one.right) for one in found if every or not one.named])
        for every in (True, False)
    )
    of_costly = f"{sum(one.named == one.actor for one in costly)} of {len(costly)}"
    cells = (
        words,
        formatting.count(len(found)),
        f"{right} of {len(named)}",
        f"{own} of {len(able)} ({formatting.share_of(own, len(able))})",
        of_costly,
        formatting.share_of(sum(one.right for one in found), len(found)),
        f"{ece:.3f}",
        f"{rest:.3f}",
    )
    return f"| {' | '.join(cells)} |"


def flag_row(words: str, found: Sequence[Outcome]) -> str:
    """One row of the table of false flags."""
    target = [one.confidence for one in found if one.likeliest == one.framed]
    cells = (
        words,
        str(len(found)),
        str(sum(one.named is not None for one in found)),
        str(len(target)),
        f"{sum(target) / len(target):.2f}" if target else "-",
    )
    return f"| {' | '.join(cells)} |"


def honest_tables() -> tuple[list[str], bool]:
    """The tables of cases without false flags, and whether they are as good as they must be."""
    found = gathered(partial(of_honest, strangers=0.5), HELD_OUT_SEEDS)
    shifted = [
        (f"{share:.0%} strangers, {stated:.0%} stated".replace("%", " %"), share, stated)
        for share, stated in ((0.3, 0.5), (0.8, 0.5), (0.8, 0.8))
    ]
    rows = [honest_row("50 % strangers, 50 % stated", found)]
    rows += [
        honest_row(words, gathered(partial(of_honest, strangers=share, stated=stated), SHIFTED_SEEDS))
        for words, share, stated in shifted
    ]
    pairs = [(one.confidence, one.right) for one in found]
    actors = [one for one in found if one.likeliest is not None]
    named = [one for one in found if one.named]
    by_name = sum(one.confidence for one in named) / max(len(named), 1)
    right = sum(one.named == one.actor for one in named) / max(len(named), 1)
    lines = [
        HONEST,
        *rows,
        "",
        f"In the first row, those named had a mean probability of {by_name:.3f}, and {right:.3f} of them were right.",
        answers_sentence("an actor of the file", actors),
        answers_sentence("somebody else", [one for one in found if one.likeliest is None]),
        "",
        CALIBRATION,
        "",
        "| campaigns | mean probability | right |",
        "|---|---|---|",
        *(f"| {number} | {mean:.3f} | {share:.3f} |" for number, mean, share in bins_of(pairs)),
    ]
    return lines, right >= 0.99 and overclaimed([(one.confidence, one.right) for one in actors]) <= 0.05


def flag_tables() -> tuple[list[str], bool]:
    """The table of false flags, and whether none below the perfect one got a name."""
    flags = gathered(partial(of_flag, perfect=False), FLAG_SEEDS)
    perfect = gathered(partial(of_flag, perfect=True), PERFECT_SEEDS)
    lines = [
        FLAGS,
        *(flag_row(words, [one for one in flags if one.strength == number]) for number, words in enumerate(STRENGTHS)),
        flag_row("**all of them**", flags),
        flag_row("perfect: + the target's payment instruments and client fingerprints", perfect),
        AFTER_FLAGS,
    ]
    return lines, not any(one.named for one in flags)


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hunted", action="store_true", help="also worlds that are built and hunted")
    parser.add_argument("--write", type=Path, metavar="FILE", help="page to write")
    options = parser.parse_args()
    honest, is_right = honest_tables()
    flags, is_safe = flag_tables()
    page = "\n".join([PAGE, *honest, *flags, *(["", *hunted_rows()] if options.hunted else []), ""])
    print(page)
    if options.write:
        options.write.write_text(page, encoding="utf-8")
    return int(not (is_right and is_safe))


if __name__ == "__main__":
    sys.exit(main())
