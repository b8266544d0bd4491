"""Per-account aggregates and the AUC that the hygiene tests and the tuning of the worlds use."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stillhunt_lab.worlds.build import World

_TYPICAL = (
    "asn", "country", "user_agent", "tls_fingerprint", "model", "temperature", "max_tokens", "top_p", "channel",
    "system_prompt", "tools",
)  # fmt: skip


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Chance that a positive scores above a negative; ties count half."""
    _, code, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(counts) - (counts - 1) / 2
    total = int(positive.sum())
    above = middle_rank[code][positive].sum() - total * (total + 1) / 2
    return float(above / (total * (len(scores) - total)))


def one_value_auc(values: pd.Series, positive: np.ndarray) -> tuple[float, str]:
    """Best AUC of "the account has exactly this value", over all values."""
    best = (0.5, "")
    words = np.array([str(value) for value in values])
    for value in sorted(set(words[positive].tolist())):
        has = words == value
        score = 0.5 + abs(has[positive].mean() - has[~positive].mean()) / 2
        best = max(best, (float(score), value))
    return best


def account_aggregates(world: World) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Numbers per account, typical values per account, and whether the account harvests."""
    requests = world.requests.to_pandas()
    accounts = world.accounts.to_pandas().set_index("account_id")
    truth = world.truth_accounts.to_pandas().set_index("account_id")
    requests = requests.sort_values(["account_id", "timestamp"])
    requests["day"] = requests.timestamp.dt.floor("D")
    requests["hour"] = requests.timestamp.dt.hour
    requests["words"] = requests.prompt.str.split().str.len()
    requests["characters"] = requests.prompt.str.len()
    requests["gap"] = requests.groupby("account_id").timestamp.diff().dt.total_seconds()
    g = requests.groupby("account_id")
    n = g.size()
    numbers = {
        "requests": n,
        "days": g.day.nunique(),
        "requests_per_day": n / g.day.nunique(),
        "span": (g.timestamp.max() - g.timestamp.min()).dt.total_seconds(),
        "first_seen": g.timestamp.min().astype("int64"),
        "last_seen": g.timestamp.max().astype("int64"),
        "hours": g.hour.nunique(),
        "hours_per_request": g.hour.nunique() / n,
        "night_utc": (requests.hour < 6).groupby(requests.account_id).mean(),
        "gap_median": g.gap.median().fillna(0),
        "gap_variation": (g.gap.std() / g.gap.mean()).fillna(0),
        "conversations": g.conversation_id.nunique() / n,
        "turn": g.turn.mean().fillna(0),
        "addresses": g.client_ip.nunique(),
        "user_agents": g.user_agent.nunique(),
        "countries": g.country.nunique(),
        "models": g.model.nunique(),
        "best_model": (requests.model == "onyx-large").groupby(requests.account_id).mean(),
        "system": requests.system_prompt.notna().groupby(requests.account_id).mean(),
        "words": g.words.mean(),
        "words_spread": g.words.std().fillna(0),
        "characters": g.characters.mean(),
        "characters_least": g.characters.min(),
        "repeats": g.prompt.nunique() / n,
        "input": g.input_tokens.mean(),
        "output": g.output_tokens.mean(),
        "output_median": g.output_tokens.median(),
        "output_total": g.output_tokens.sum(),
        "output_per_input": g.output_tokens.sum() / g.input_tokens.sum(),
        "temperature": g.temperature.mean().fillna(-1),
        "temperatures": g.temperature.nunique(),
        "no_temperature": requests.temperature.isna().groupby(requests.account_id).mean(),
        "max_tokens": g.max_tokens.mean().fillna(-1),
        "no_max_tokens": requests.max_tokens.isna().groupby(requests.account_id).mean(),
        "refused": (requests.status != 200).groupby(requests.account_id).mean(),
        "closed": (requests.status == 403).groupby(requests.account_id).mean(),
        "limited": (requests.status == 429).groupby(requests.account_id).mean(),
        "newest_model": (requests.model == "onyx-next").groupby(requests.account_id).mean(),
        "api_keys": g.api_key_id.nunique(),
        "end_users": g.end_user_id.nunique(),
        "tools": requests.tools.notna().groupby(requests.account_id).mean(),
        "top_p": g.top_p.mean().fillna(-1),
        "no_top_p": requests.top_p.isna().groupby(requests.account_id).mean(),
        "no_address": requests.client_ip.isna().groupby(requests.account_id).mean(),
        "foreign_script": requests.prompt.str.contains("[^\u0000-\u024f]").groupby(requests.account_id).mean(),
    }
    table = pd.DataFrame(numbers)
    accounts = accounts.loc[table.index]
    table["age"] = -accounts.created_at.astype("int64")
    table["card"] = accounts.payment_fingerprint.notna().astype(float)
    table["card_abroad"] = (accounts.payment_country.fillna("") != accounts.signup_country).astype(float)
    table["phone_abroad"] = (accounts.phone_country != accounts.signup_country).astype(float)
    table["use_stated"] = accounts.declared_use.notna().astype(float)
    table["moved_since_sign_up"] = (g.client_ip.first() != accounts.signup_ip).astype(float)
    table["organization"] = accounts.organization_id.notna().astype(float)
    for column in ("payment_fingerprint", "signup_ip", "email_domain", "organization_id"):
        table[f"{column}_shared"] = accounts[column].map(accounts[column].value_counts()).fillna(0)
    shared = requests.groupby("client_ip").account_id.nunique()
    table["address_shared"] = g.client_ip.first().map(shared).fillna(0)
    tool_users = requests.groupby("tools").account_id.nunique()
    table["tools_shared"] = g.tools.first().map(tool_users).fillna(0)
    system_users = requests.groupby("system_prompt").account_id.nunique()
    table["system_shared"] = g.system_prompt.first().map(system_users).fillna(0)
    typical = pd.DataFrame({c: g[c].first() for c in _TYPICAL})
    for column in ("plan", "email_domain", "payment_country", "phone_country", "signup_country", "declared_use"):
        typical[column] = accounts[column]
    return table, typical, (truth.loc[table.index].campaign != "").to_numpy()
