"""Texts that actors are known to use, compared with the excerpts of a case and with hashes of its phrases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from stillhunt_evidence.actors.observed import MarkCoverage, Runs, SeenCampaign, runs_of_words

# words: words in a row of a known text that an excerpt must hold; all of a shorter text (shorter runs recur by chance)
_PHRASE_RUN = 8
# Share of a known text's phrases that must be among those by which a campaign is known (a case keeps the phrases that
# are rare in the log, not all)
_PHRASE_HASHES = 0.3

if TYPE_CHECKING:
    from stillhunt.extract import PhraseReader


class KnownTexts:
    """Compares texts with what a case kept of the prompts.

    Excerpts are redacted and short, and there are some twenty a campaign, those with shared phrases first; hashes of
    phrases are those by which the campaign is known. Both may miss a text that is there.

    Args:
        seed: of the hunt, under which phrases were hashed.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._hashes: dict[str, frozenset[int]] = {}

    def coverage_of(self, texts: Sequence[str]) -> Callable[[SeenCampaign], MarkCoverage | None]:
        """How many accounts of a campaign send one of some texts.

        Args:
            texts: as the actors file has them.

        Returns:
            A function of the campaign; None where the case kept neither excerpts nor phrases of it.
        """
        runs = [runs_of_words(text, _PHRASE_RUN) for text in texts]

        def coverage(seen: SeenCampaign) -> MarkCoverage | None:
            found = [self._by_hashes(seen, texts), _by_excerpts(seen, runs)]
            return max((one for one in found if one is not None), key=lambda one: one.share, default=None)

        return coverage

    def _by_hashes(self, seen: SeenCampaign, texts: Sequence[str]) -> MarkCoverage | None:
        """By the phrase of the text that the fewest requests have, of the better half of those found."""
        rows = {row["phrase"]: row for row in seen.phrases if row["kind"] == "phrase"}
        best: MarkCoverage | None = None
        for text in texts if rows else ():
            wanted = self._hashes_of(text)
            found = sorted((rows[one] for one in wanted if one in rows), key=lambda row: -row["requests"])
            if not wanted or len(found) < max(_PHRASE_HASHES * len(wanted), 1):
                continue
            middle = found[len(found) // 2]
            share = middle["requests"] / max(middle["looked_at"], 1)
            accounts = middle["members_looked_at"]
            own = MarkCoverage(accounts, middle["accounts"], share, max(len(seen.members), accounts))
            best = own if best is None or own.share > best.share else best
        if best is None and rows:
            return MarkCoverage(len(seen.members), 0, 0.0, len(seen.members)) if seen.members else None
        return best

    def _hashes_of(self, text: str) -> frozenset[int]:
        if text not in self._hashes:
            phrases, _ = self._reader.read(text.encode(), b"")
            self._hashes[text] = frozenset(phrases.tolist())
        return self._hashes[text]

    @cached_property
    def _reader(self) -> PhraseReader:
        from stillhunt.extract import PhraseReader  # start-up time: kernels, which a case without phrases does not need

        return PhraseReader(self._seed)


def _by_excerpts(seen: SeenCampaign, texts: Sequence[Runs]) -> MarkCoverage | None:
    """Accounts of which at least half of the excerpts hold a run of words of one of the texts."""
    having: dict[str, list[bool]] = defaultdict(list)
    own = {length: seen.excerpt_runs(length) for length in sorted({len(next(iter(text))) for text in texts})}
    for place, row in enumerate(seen.samples):
        found = any(not text.isdisjoint(own[len(next(iter(text)))][place]) for text in texts)
        having[row["account_id"]].append(found)
    total = sum(map(len, having.values()))
    share = sum(map(sum, having.values())) / total if total else 0.0
    return seen.account_coverage({account: 2 * sum(of) >= len(of) for account, of in having.items()}, share)
