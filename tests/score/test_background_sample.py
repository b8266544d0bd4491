"""Only some accounts in full and a random sample of all: who is compared with, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from stories import Story, story_tables

from stillhunt.base.config import Config
from stillhunt.base.errors import ContractError
from stillhunt.base.progress import Silent
from stillhunt.base.schema import TOTALS
from stillhunt.score import score_campaigns
from stillhunt.score.context.log import read_log

STORY = Story(linked=True, others=600, domains=(0.5, 0.2), own_domain=True)
Tables = tuple[pa.Table, pa.Table, pa.Table]


def totals_of(traffic: pa.Table, sampled: Any, more: int = 0) -> pa.Table:
    """Totals of the accounts of the traffic, and of further ones that have no request there.

    Args:
        traffic: TRAFFIC.
        sampled: account id -> whether it is in the sample.
        more: accounts of the log of which nothing else is known.
    """
    wanted = [("account_id", "count"), ("output_tokens", "sum"), ("timestamp", "min"), ("timestamp", "max")]
    counted = traffic.group_by("account_id").aggregate(wanted)
    first, last = (counted[f"timestamp_{end}"].to_pylist() for end in ("min", "max"))
    ids = [*counted["account_id"].to_pylist(), *(f"u{number:05d}" for number in range(more))]
    return TOTALS.build(
        account_id=ids,
        requests=[*counted["account_id_count"].to_pylist(), *[3] * more],
        output_tokens=[*counted["output_tokens_sum"].to_pylist(), *[30] * more],
        first_seen=[*first, *[min(first)] * more],
        last_seen=[*last, *[max(last)] * more],
        background=[bool(sampled(name)) for name in ids[: len(ids) - more]] + [False] * more,
    )


def scored(tables: Tables, customers: pa.Table, totals: pa.Table | None) -> dict[str, pa.Table]:
    return score_campaigns(*tables, customers, Config(), Silent(), totals)[0]


def test_a_sample_of_all_accounts_is_the_whole_log() -> None:
    tables, customers = story_tables(STORY)
    whole = scored(tables, customers, None)
    sampled = scored(tables, customers, totals_of(tables[0], lambda _: True))
    assert all(whole[name].equals(sampled[name]) for name in whole)


def test_the_totals_order_does_not_matter() -> None:
    tables, customers = story_tables(STORY)
    totals = totals_of(tables[0], lambda name: name < "z0300")
    order = np.random.default_rng(0).permutation(totals.num_rows)
    one, other = scored(tables, customers, totals), scored(tables, customers, totals.take(pa.array(order)))
    assert all(one[name].equals(other[name]) for name in one)


def without(tables: Tables, gone: Any) -> Tables:
    keep = pa.array([not gone(name) for name in tables[0]["account_id"].to_pylist()])
    return tables[0].filter(keep), tables[1].filter(keep), tables[2]


def test_accounts_that_are_only_candidates_are_no_comparison_accounts() -> None:
    """Whether they are in the log's tables or not at all, the campaign's evidence is the same."""
    tables, customers = story_tables(STORY)

    def hidden(name: str) -> bool:
        return name >= "z0300"

    everyone = totals_of(tables[0], lambda name: not hidden(name))
    seen = scored(tables, customers, everyone)
    fewer = without(tables, hidden)
    gone = scored(fewer, customers, everyone)
    assert seen["evidence"].select(["kind", "bits"]).equals(gone["evidence"].select(["kind", "bits"]))
    assert seen["campaigns"].equals(gone["campaigns"])
    assert seen["accounts"].equals(gone["accounts"]), "accounts without a request here are in it, too"


def test_a_sample_says_nearly_what_the_whole_log_says() -> None:
    tables, customers = story_tables(replace(STORY, others=2_000))
    whole = scored(tables, customers, None)
    totals = totals_of(tables[0], lambda name: name[0] == "m" or int(name[1:]) % 3 == 0)
    part = scored(without(tables, lambda name: name[0] == "z" and int(name[1:]) % 3 > 0), customers, totals)
    bits = [
        dict(zip(own["kind"].to_pylist(), own["bits"].to_pylist(), strict=True))
        for own in (one["evidence"].filter(pc.is_null(one["evidence"]["account_id"])) for one in (whole, part))
    ]
    assert bits[0].keys() == bits[1].keys()
    assert bits[1] == pytest.approx(bits[0], abs=1.0)
    assert whole["campaigns"]["verdict"].equals(part["campaigns"]["verdict"])


def test_every_account_of_the_log_is_in_the_case() -> None:
    tables, customers = story_tables(STORY)
    totals = totals_of(tables[0], lambda _: True, more=400)
    accounts = scored(tables, customers, totals)["accounts"]
    assert accounts["account_id"].to_pylist() == sorted(totals["account_id"].to_pylist())
    unseen = accounts.filter(pc.starts_with(accounts["account_id"], "u"))
    assert unseen["requests"].to_pylist() == [3] * 400
    assert set(unseen["verdict"].to_pylist()) == {"none"}
    assert set(unseen["score"].to_pylist()) == {0.0}


def test_the_budget_knows_all_accounts_and_comparison_accounts_stand_for_them() -> None:
    tables, customers = story_tables(STORY)
    totals = totals_of(tables[0], lambda name: name < "z0130", more=380)
    accounts = read_log(tables[0], tables[1], customers, totals).accounts
    assert accounts.count == 1_000
    assert accounts.comparison_weight(np.arange(20)) == pytest.approx(980 / 130)
    assert read_log(tables[0], tables[1], customers).accounts.comparison_weight(np.arange(20)) == 1.0


def test_an_account_missing_from_the_totals_is_an_error() -> None:
    tables, customers = story_tables(STORY)
    with pytest.raises(ContractError, match="600 accounts"):
        scored(tables, customers, totals_of(tables[0], lambda _: True).slice(0, 20))
