"""A phrase of the template can be followed to the excerpts, accounts and requests that have it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stillhunt.triage.report_excerpts import campaign_excerpts, phrase_use
from wording import assert_plain

from .fixtures import build, demo_case


def samples_of(campaign: str) -> pa.Table:
    samples = demo_case().samples
    return samples.filter(pc.equal(samples["campaign_id"], campaign))


@pytest.mark.parametrize("campaign", ["hunt-7f3a91c2", "hunt-c41d08be", "hunt-0e9b55d7"])
def test_each_phrase_of_the_template_leads_to_as_many_excerpts_as_it_says(campaign: str) -> None:
    own = samples_of(campaign)
    template = campaign_excerpts(own).template
    assert template
    for phrase, times in template:
        use = phrase_use(own, phrase)
        assert (use.phrase, len(use.cards), use.read) == (phrase, times, 8)
        assert use.accounts == len({card.account for card in use.cards})
        assert all(any(marked for _, marked in card.pieces) for card in use.cards)
        assert phrase_use(own, " ".join(phrase.upper().split()[:5])) == use
        assert_plain(use.sentence)


def test_a_phrase_that_some_excerpts_have_leads_to_those() -> None:
    rows = samples_of("hunt-7f3a91c2").to_pylist()
    rows[2] |= {"marks": []}
    use = phrase_use(build("samples", rows), "You are a careful mathematics tutor.")
    assert len(use.cards) == 7
    assert rows[2]["request_id"] not in {card.request for card in use.cards}
    assert use.sentence.startswith("7 of 8 excerpts, from 7 accounts, have this phrase.")


@pytest.mark.parametrize("phrase", ["", "nothing of the kind", "\x1b[2J", "y" * 10_000_000])
def test_a_phrase_that_none_has_is_said(phrase: str) -> None:
    use = phrase_use(samples_of("hunt-7f3a91c2"), phrase)
    assert (use.phrase, use.cards) == ("", ())
    assert_plain(use.sentence)


def test_only_what_a_quarter_of_the_excerpts_have_is_called_a_template() -> None:
    rows = samples_of("hunt-7f3a91c2").to_pylist()
    assert len(rows) == 8
    for having, templated in ((8, True), (2, True), (1, False)):
        some = [row if place < having else {**row, "marks": []} for place, row in enumerate(rows)]
        assert campaign_excerpts(build("samples", some)).templated == templated
