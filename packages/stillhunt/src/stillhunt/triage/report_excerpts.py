"""The excerpts of a campaign's requests as the report shows them: whole, as the template, and as the work list."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from stillhunt.base import formatting
from stillhunt.base.wording import fill, sentences_beside
from stillhunt.triage.model import FULL_ID_CHARS

_CARDS_SHOWN = 6
_ITEMS_SHOWN = 20
_LINES_SHOWN = 8
_SAMPLE_CHARS = 2000
_SAME_LINE_WORDS = 5
_TEMPLATE_SHARE = 0.25
"""Share of the excerpts that must have the most frequent phrase for what is shared to be called a template. Judgement:
the excerpts are chosen to show what accounts share, so that a phrase in fewer of them is a chance likeness as well."""
_LEAST_ITEM_CHARS = 12
"""What is left beside the template must be at least so long to be shown as a piece of work."""
_END_CHARS = 24
"""The end of the template is found again by so many characters."""
_PUNCTUATION = " .,:;!?)]}-|"

Pieces: TypeAlias = tuple[tuple[str, bool], ...]  # an excerpt in pieces, each with True where it is marked


@dataclass(frozen=True)
class SampleCard:
    """One excerpt, cut into pieces that are marked or not; `item` is what it says beside the template."""

    request: str
    account: str
    when: str
    pieces: Pieces
    item: str


@dataclass(frozen=True)
class CampaignExcerpts:
    """What is shown of a campaign's requests."""

    cards: tuple[SampleCard, ...]
    # phrases that its accounts share, and how many of the excerpts hold each; the most frequent first
    template: tuple[tuple[str, int], ...]
    work: tuple[SampleCard, ...]
    read: int

    @property
    def templated(self) -> bool:
        """True where one phrase is in enough excerpts to be called a template."""
        return bool(self.template) and self.template[0][1] >= _TEMPLATE_SHARE * self.read


def campaign_excerpts(samples: pa.Table) -> CampaignExcerpts:
    """The excerpts of one campaign, ready to show."""
    cards = _make_cards(samples)
    template = _find_template(card.pieces for card in cards)
    accounts = {card.account: card for card in reversed(cards)}
    first = [card for card in cards if accounts[card.account] is card]
    chosen = [*first, *(card for card in cards if accounts[card.account] is not card)][:_CARDS_SHOWN]
    return CampaignExcerpts(
        cards=tuple(card for card in cards if card in chosen),
        template=tuple((text, times) for _, text, times in template[:_LINES_SHOWN]),
        work=tuple(card for card in cards if card.item),
        read=len(cards),
    )


def _make_cards(samples: pa.Table) -> tuple[SampleCard, ...]:
    """The excerpts of one campaign, in the order of time, at most 20."""
    rows = samples.sort_by([("timestamp", "ascending"), ("request_id", "ascending")]).to_pylist()[:_ITEMS_SHOWN]
    cut = [_cut_pieces(row["text"][:_SAMPLE_CHARS], [(m["start"], m["end"]) for m in row["marks"]]) for row in rows]
    phrases = {beginning: text for beginning, text, _ in _find_template(cut)}
    return tuple(
        SampleCard(
            request=formatting.shorten(row["request_id"], FULL_ID_CHARS),
            account=formatting.shorten(row["account_id"], FULL_ID_CHARS),
            when=formatting.minute(row["timestamp"]),
            pieces=pieces,
            item=_find_item(pieces, phrases),
        )
        for row, pieces in zip(rows, cut, strict=True)
    )


@dataclass(frozen=True)
class PhraseUse:
    """Where a phrase of the template stands."""

    phrase: str
    cards: tuple[SampleCard, ...]
    accounts: int
    read: int

    @property
    def sentence(self) -> str:
        """How many excerpts and accounts have it; the rest of the campaign's requests is not in the case."""
        having = formatting.sentence_case(formatting.part_of(len(self.cards), self.read, "excerpt"))
        said = sentences_beside(__file__)["phrase"]["some" if self.cards else "none"]
        return fill(said, having=having, accounts=self.accounts, cards=len(self.cards), read=self.read)


def phrase_use(samples: pa.Table, phrase: str) -> PhraseUse:
    """The excerpts of one campaign that have a phrase of its template.

    `phrase`: a phrase of `CampaignExcerpts.template`, or its first five words: those decide, as in the template.
    Returns the excerpts in the order of `campaign_excerpts`, at most 20.
    """
    excerpts, wanted = _make_cards(samples), _beginning_of(phrase[:_SAMPLE_CHARS])
    template = {beginning: text for beginning, text, _ in _find_template(card.pieces for card in excerpts)}
    cards = tuple(c for c in excerpts if any(marked and _beginning_of(text) == wanted for text, marked in c.pieces))
    return PhraseUse(template.get(wanted, ""), cards, len({card.account for card in cards}), len(excerpts))


def _cut_pieces(text: str, marks: Iterable[tuple[int, int]]) -> Pieces:
    pieces: list[tuple[str, bool]] = []
    position = 0
    for begin, end in sorted(marks):
        start, stop = max(begin, position), min(end, len(text))
        if start < stop:
            pieces += [(text[position:start], False), (text[start:stop], True)]
            position = stop
    pieces.append((text[position:], False))
    return tuple((formatting.escape_controls(piece), marked) for piece, marked in pieces if piece)


def _find_template(excerpts: Iterable[Pieces]) -> list[tuple[str, str, int]]:
    """First words, text and frequency of each marked phrase; those with the same first words are one, the shortest."""
    found: dict[str, list[str]] = {}
    for pieces in excerpts:
        for beginning, text in {_beginning_of(text): text for text, marked in pieces if marked}.items():
            found.setdefault(beginning, []).append(text)
    lines = [
        (beginning, min(texts, key=lambda text: (formatting.ELLIPSIS in text, len(text), text)), len(texts))
        for beginning, texts in found.items()
    ]
    return sorted(lines, key=lambda line: (-line[2], line[1]))


def _beginning_of(text: str) -> str:
    return " ".join(text.lower().split()[:_SAME_LINE_WORDS])


def _find_item(pieces: Pieces, template: Mapping[str, str]) -> str:
    """What an excerpt says beside the template; empty where that is next to nothing.

    `template`: first words of each phrase -> the phrase. A mark may run on into words that only few requests share.
    """
    runs = [""]
    for text, marked in pieces:
        if marked:
            _, found, after = text.rpartition(template[_beginning_of(text)][-_END_CHARS:])
            runs.append(after if found else "")
        else:
            runs[-1] += text
    own = [run.strip().lstrip(_PUNCTUATION) for run in runs]
    item = f" {formatting.ELLIPSIS} ".join(run for run in own if any(character.isalnum() for character in run))
    return item if len(item) >= _LEAST_ITEM_CHARS else ""
