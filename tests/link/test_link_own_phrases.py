"""Phrases of its own are those that several accounts of a group send in different prompts, and hardly anybody else."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from link.drawn_sketches import parted, sketches_of
from stillhunt.base.dataset import LocalDataset
from stillhunt.base.schema import CANDIDATES, SLICED, TOTALS, TRAFFIC
from stillhunt.link.own_phrases import mark_own_phrases

STOCK, PUBLIC, ONE_MEMBERS, ITEM = range(100, 112), 50, 60, 70
MEMBERS, OTHERS, EACH, LABEL = 20, 200, 10, 7


def prompts(stock: bool = True, item_copies: bool = False) -> list[dict[str, Any]]:
    """Members who draw two sentences of a stock of 12 in two requests of three, and other customers."""
    drawn = random.Random(5)
    rows: list[dict[str, Any]] = []
    for owner in range(MEMBERS + OTHERS):
        member = owner < MEMBERS
        for at in range(EACH):
            phrases = {drawn.randrange(1000, 1 << 30)}
            phrases |= set(drawn.sample(STOCK, 2)) if member and stock and at % 3 else set()
            phrases |= {PUBLIC} if owner % 4 == 0 else set()
            phrases |= {ONE_MEMBERS} if owner == 0 else set()
            row: dict[str, Any] = {"account_id": f"{'m' if member else 'o'}{owner:03}", "phrases": sorted(phrases)}
            if item_copies and at == 0:
                row |= {"phrases": [ITEM], "prompt_hash": 99_999}
            rows.append(row)
    return rows


def marked(sketches: pa.Table, partitions: int = 3, untemplated: bool = True, remembered: int = 0) -> list[int | None]:
    """Own phrases of each request, in the order of the traffic.

    The members are one candidate, or so many of them are only in one of all members that an earlier look found.
    """
    traffic = sketches.select(list(TRAFFIC.names)).cast(TRAFFIC.arrow)
    accounts = traffic["account_id"].cast(pa.string()).to_pylist()
    names = sorted(set(accounts))
    inside = [name for name in names if name.startswith("m")]
    zeros = np.zeros(len(accounts), np.int64)
    sliced = SLICED.build(
        cluster=np.where([name.startswith("m") for name in accounts], LABEL, -1), untemplated=zeros.astype(bool),
        matched=zeros, fold=zeros, topic=zeros, first_occurrence=zeros == 0, request_style=zeros,
        client_fingerprint=zeros,
    )  # fmt: skip
    held = [*inside[remembered:], *(inside if remembered else ())]
    many, again = np.zeros(len(held), np.int64), np.arange(len(held)) >= len(inside) - remembered
    candidates = CANDIDATES.build(
        candidate=many + 3 + again, cluster=many + LABEL, account_id=held, formed=many, content_microbits=many,
        queue_microbits=many, untemplated=[untemplated] * len(held), searched=many, style=many.astype(bool),
        remembered=again,
    )  # fmt: skip
    size = len(names)
    totals = TOTALS.build(
        account_id=names, requests=[EACH] * size, output_tokens=[0] * size, first_seen=[0] * size,
        last_seen=[1] * size, background=[True] * size,
    )  # fmt: skip
    found = mark_own_phrases(parted(sketches, partitions), traffic, sliced, candidates, totals)
    own: list[int | None] = found["own_phrases"].to_pylist()
    return own


def test_sentences_that_recombine_are_found_in_all_requests_that_carry_one() -> None:
    sketches = sketches_of(prompts())
    own = marked(sketches)
    stock = [len(set(phrases) & set(STOCK)) for phrases in sketches["phrases"].to_pylist()]
    members = [name.startswith("m") for name in sketches["account_id"].to_pylist()]
    assert [one for one, member in zip(own, members, strict=True) if not member] == [None] * (OTHERS * EACH)
    assert [one for one, member in zip(own, members, strict=True) if member] == stock[: MEMBERS * EACH]


def test_partitions_change_nothing() -> None:
    sketches = sketches_of(prompts())
    assert marked(sketches, 1) == marked(sketches, 4)


@pytest.mark.parametrize("copies", [False, True])
def test_public_phrases_single_customers_and_copies_of_one_item_are_nobodys_own(copies: bool) -> None:
    own = marked(sketches_of(prompts(stock=False, item_copies=copies)))
    assert {one for one in own if one is not None} == {0}


def test_a_wording_that_each_account_keeps_is_no_stock_of_sentences() -> None:
    """Four members each have the same sentence in nearly all of their prompts: customers with like prompts."""
    rows = prompts(stock=False)
    for at, row in enumerate(rows):
        if row["account_id"] < "m004" and at % EACH:
            row["phrases"] = sorted({*row["phrases"], STOCK[0]})
    assert {one for one in marked(sketches_of(rows)) if one is not None} == {0}


def test_groups_with_a_template_are_not_looked_at() -> None:
    sketches = sketches_of(prompts())
    assert set(marked(sketches, untemplated=False)) == {None}
    assert isinstance(parted(sketches, 2), LocalDataset)


def test_what_a_remembered_group_has_more_than_a_group_of_today_is_not_looked_at_alone() -> None:
    """Two accounts share no stock of sentences, and would be refuted as members of the whole."""
    sketches = sketches_of(prompts())
    looked_at = [one is not None for one in marked(sketches, remembered=2)]
    assert looked_at == [False] * 2 * EACH + [True] * (MEMBERS - 2) * EACH + [False] * OTHERS * EACH
