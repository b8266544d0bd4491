"""In the second generator no single column, and no stump on a number per account, gives a careful campaign away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World

LIMIT = 0.8
NUMBERS = ("input_tokens", "output_tokens", "temperature", "top_p", "max_tokens", "turn", "characters", "words", "gap")
NAMES = (
    "conversation_id",
    "api_key_id",
    "end_user_id",
    "client_ip",
    "asn",
    "country",
    "user_agent",
    "tls_fingerprint",
    "channel",
    "model",
    "system_prompt",
    "prompt",
    "hour",
    "day",
    "status",
)
VALUES = ("asn", "country", "user_agent", "tls_fingerprint", "channel", "model", "temperature", "top_p", "max_tokens")


def stump_auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """AUC of the better of "more" and "less"; ties count half."""
    ranks = pd.Series(scores).rank().to_numpy()
    count = int(positive.sum())
    above = (ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(scores) - count))
    return float(max(above, 1 - above))


def account_numbers(world: World) -> tuple[pd.DataFrame, np.ndarray]:
    """Every column of both tables as numbers per account, and whether the account harvests."""
    requests = world.requests.to_pandas().sort_values(["account_id", "timestamp"], kind="stable")
    by = requests.account_id
    requests["characters"], requests["words"] = requests.prompt.str.len(), requests.prompt.str.split().str.len()
    requests["gap"] = requests.timestamp.groupby(by).diff().dt.total_seconds()
    requests["hour"], requests["day"] = requests.timestamp.dt.hour, requests.timestamp.dt.day_of_year
    count = requests.groupby("account_id").size()
    numbers: dict[str, pd.Series] = {
        "requests": count,
        "first": requests.timestamp.groupby(by).min().astype("int64"),
        "last": requests.timestamp.groupby(by).max().astype("int64"),
        "night": (requests.hour < 6).groupby(by).mean(),
        "grand": (requests.model == "tern-grand").groupby(by).mean(),
        "failed": (requests.status != 200).groupby(by).mean(),
        "foreign": requests.prompt.str.contains(r"[^\x00-\x7f]").groupby(by).mean(),
        "output in all": requests.output_tokens.groupby(by).sum(),
        "newlines": requests.prompt.str.count("\n").groupby(by).mean(),
    }
    for name in NUMBERS:
        column = requests[name].groupby(by)
        numbers |= {f"{name} mean": column.mean(), f"{name} median": column.median(), f"{name} least": column.min()}
        numbers |= {f"{name} most": column.max(), f"{name} spread": column.std() / column.mean()}
    for name in NAMES:
        codes = pd.Series(pd.factorize(requests[name])[0], index=requests.index)
        distinct = codes[codes >= 0].groupby(by).nunique().reindex(count.index, fill_value=0)
        numbers |= {f"{name} kinds": distinct, f"{name} kinds a call": distinct / count}
        numbers[f"{name} missing"] = requests[name].isna().groupby(by).mean()
        sharers = pd.DataFrame({"code": codes, "account": by}).drop_duplicates().code.value_counts()
        numbers[f"{name} sharers"] = codes.map(sharers).groupby(by).mean()
    for name in VALUES:
        codes, labels = pd.factorize(requests[name])
        counts = pd.DataFrame({"account": by, "code": codes}).value_counts(sort=False).reset_index(name="calls")
        usual = (
            counts.sort_values("calls", kind="stable").drop_duplicates("account", keep="last").set_index("account").code
        )
        for code in sorted(set(usual)):
            numbers[f"{name} is {labels[code] if code >= 0 else 'missing'}"] = usual == code
    numbers |= papers(world, count.index)
    harvests = world.truth_accounts.to_pandas().set_index("account_id").campaign.reindex(count.index) != ""
    table = pd.DataFrame({name: values.astype(float) for name, values in numbers.items()}).fillna(-1.0)
    return table, harvests.to_numpy()


def papers(world: World, index: pd.Index) -> dict[str, pd.Series]:
    """The customer table as numbers."""
    accounts = world.accounts.to_pandas().set_index("account_id").reindex(index)
    numbers = {
        "age": accounts.created_at.astype("int64"),
        "card abroad": accounts.payment_country.fillna("none") != accounts.signup_country,
        "phone abroad": accounts.phone_country != accounts.signup_country,
    }
    for name in accounts.columns.drop("created_at"):
        column = accounts[name].fillna("none")
        numbers[f"{name} missing"] = accounts[name].isna()
        counts = column.value_counts()
        numbers[f"{name} sharers"] = accounts[name].map(counts).where(accounts[name].notna(), 0)
        numbers |= {f"{name} is {value}": column == value for value in counts.index[:12]}
    return numbers


def test_auc_on_hand_made_cases() -> None:
    positive = np.array([False, False, True, True])
    assert stump_auc(np.array([1.0, 2.0, 3.0, 4.0]), positive) == 1.0
    assert stump_auc(np.array([4.0, 3.0, 2.0, 1.0]), positive) == 1.0
    assert stump_auc(np.array([1.0, 1.0, 1.0, 1.0]), positive) == 0.5
    assert stump_auc(np.array([1.0, 3.0, 2.0, 4.0]), positive) == 0.75


@pytest.mark.parametrize("rung", [3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
def test_no_single_number_separates_the_classes(rung: int) -> None:
    world = build_second_world(SecondSpec(rung, accounts=160, days=6, seed=31, campaigns=2, campaign_accounts=30))
    numbers, harvests = account_numbers(world)
    telling = {name: stump_auc(numbers[name].to_numpy(), harvests) for name in numbers}
    assert len(telling) > 200
    assert {name: round(score, 3) for name, score in telling.items() if score > LIMIT} == {}


def test_the_naive_rung_is_easily_separated() -> None:
    """The measure can fail: on rung 1 the shared card separates the classes."""
    numbers, harvests = account_numbers(build_second_world(SecondSpec(1, accounts=100, days=5, seed=41)))
    assert stump_auc(numbers["payment_fingerprint sharers"].to_numpy(), harvests) > 0.95
