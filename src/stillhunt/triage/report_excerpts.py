"""The excerpts of a campaign's requests as the report shows them: whole, as the template, and as the work list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from stillhunt.base import formatting
from stillhunt.triage.model import FULL_ID_CHARS

_CARDS_SHOWN = 6
_ITEMS_SHOWN = 20
_LINES_SHOWN = 8
_SAMPLE_CHARS = 2000
_SAME_LINE_WORDS = 5
_LEAST_ITEM_CHARS = 12
"""What is left beside the template must be at least so long to be shown as a piece of work."""


@dataclass(frozen=True)
class SampleCard:
    """One excerpt, cut into pieces that are marked or not."""

    request: str
    account: str
    when: str
    pieces: tuple[tuple[str, bool], ...]

    @property
    def item(self) -> str:
        """What this request says beside the template; empty where that is next to nothing."""
        own = [text.strip() for text, marked in self.pieces if not marked]
        text = f" {formatting.ELLIPSIS} ".join(part for part in own if len(part.strip(_NO_WORDS)) > 1)
        return text if len(text) >= _LEAST_ITEM_CHARS else ""


_NO_WORDS = ".,:;!?\"'()[]{}<>-#*|/\\ \n" + formatting.ELLIPSIS


@dataclass(frozen=True)
class CampaignExcerpts:
    """What is shown of a campaign's requests.

    Attributes:
        cards: a few excerpts from different accounts.
        template: phrases that its accounts share, and how many of the excerpts hold each; the most frequent first.
        work: excerpts that say something beside the template.
        read: excerpts in all.
    """

    cards: tuple[SampleCard, ...]
    template: tuple[tuple[str, int], ...]
    work: tuple[SampleCard, ...]
    read: int


def campaign_excerpts(samples: pa.Table) -> CampaignExcerpts:
    """The excerpts of one campaign, ready to show.

    Args:
        samples: its rows of the SAMPLES table.
    """
    rows = samples.sort_by([("timestamp", "ascending"), ("request_id", "ascending")]).to_pylist()[:_ITEMS_SHOWN]
    cards = tuple(
        SampleCard(
            request=formatting.shorten(row["request_id"], FULL_ID_CHARS),
            account=formatting.shorten(row["account_id"], FULL_ID_CHARS),
            when=formatting.minute(row["timestamp"]),
            pieces=_pieces(row["text"][:_SAMPLE_CHARS], [(mark["start"], mark["end"]) for mark in row["marks"]]),
        )
        for row in rows
    )
    accounts = {card.account: card for card in reversed(cards)}
    first = [card for card in cards if accounts[card.account] is card]
    chosen = [*first, *(card for card in cards if accounts[card.account] is not card)][:_CARDS_SHOWN]
    return CampaignExcerpts(
        cards=tuple(card for card in cards if card in chosen),
        template=_template(cards),
        work=tuple(card for card in cards if card.item),
        read=len(cards),
    )


def _pieces(text: str, marks: Iterable[tuple[int, int]]) -> tuple[tuple[str, bool], ...]:
    pieces: list[tuple[str, bool]] = []
    position = 0
    for begin, end in sorted(marks):
        start, stop = max(begin, position), min(end, len(text))
        if start < stop:
            pieces += [(text[position:start], False), (text[start:stop], True)]
            position = stop
    pieces.append((text[position:], False))
    return tuple((formatting.escape_controls(piece), marked) for piece, marked in pieces if piece)


def _template(cards: Iterable[SampleCard]) -> tuple[tuple[str, int], ...]:
    """The marked phrases; those that begin with the same words are one, as short as the shortest of them."""
    found: dict[str, list[str]] = {}
    for card in cards:
        own = {" ".join(text.lower().split()[:_SAME_LINE_WORDS]): text for text, marked in card.pieces if marked}
        for beginning, text in own.items():
            found.setdefault(beginning, []).append(text)
    lines = [(min(texts, key=lambda text: (len(text), text)), len(texts)) for texts in found.values()]
    return tuple(sorted(lines, key=lambda line: (-line[1], line[0]))[:_LINES_SHOWN])
