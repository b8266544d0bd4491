"""Phrases that are an account's own habit: they recur across its different prompts far above their common rate.

A template is seen as phrases that recur in one account. A phrase counts once per *distinct* prompt, so that
replaying one text (benchmarks, retries) makes no template of its sentences. The common rate of a phrase is taken
over the accounts that do not lean on it, so a campaign cannot raise the bar against itself, however large it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.link.coding import Coded, Floats, Hashes, Ints

MIN_PROMPTS = 3
"""Distinct prompts of one account in which a phrase must recur; two happen by chance in every long log."""
HOT_RATE = 0.02
"""Share of an account's prompts from which the account is left out of the phrase's common rate."""
MIN_LIFT = 8.0
"""Times above the common rate; stock phrases of one subject reach 2-5 in accounts that ask about it."""
MIN_NATS = 10.0
"""Log-likelihood ratio against the common rate: e^-10 times the number of phrases leaves few by chance."""
MIN_ACCOUNTS = 3
"""Accounts that must share the habit; below, it links nobody."""


@dataclass(frozen=True)
class Habits:
    """Phrases shared as a habit by several accounts.

    Attributes:
        phrases: their hashes, ascending; position = code.
        account, phrase: codes of each (account, phrase) that is a habit.
        row, row_phrase: every occurrence of those phrases in any request, rows ascending.
    """

    phrases: Hashes
    account: Ints
    phrase: Ints
    row: Ints
    row_phrase: Ints


def shared_habits(coded: Coded) -> Habits:
    """Find the phrases that at least `MIN_ACCOUNTS` accounts use as a habit.

    Args:
        coded: requests in canonical order.
    """
    fresh = coded.fresh[coded.phrase_row]
    vocabulary, code = np.unique(coded.phrase, return_inverse=True)
    size = len(vocabulary)
    key, count = np.unique(coded.account[coded.phrase_row[fresh]] * size + code[fresh], return_counts=True)
    account, phrase = np.divmod(key, max(size, 1))
    prompts = np.bincount(coded.account[coded.fresh], minlength=len(coded.account_ids))
    rate = count / prompts[account]
    common = _common_rate(account, phrase, count, prompts, size)
    expected = common[phrase] * prompts[account]
    nats = count * np.log(count / expected) - (count - expected)
    habit = (count >= MIN_PROMPTS) & (rate >= MIN_LIFT * common[phrase]) & (nats >= MIN_NATS)
    shared = np.bincount(phrase[habit], minlength=size) >= MIN_ACCOUNTS
    kept = np.flatnonzero(shared)
    new_code = np.full(size, -1, np.int64)
    new_code[kept] = np.arange(len(kept))
    habit &= shared[phrase]
    occurrence = shared[code]
    return Habits(
        phrases=vocabulary[kept],
        account=account[habit],
        phrase=new_code[phrase[habit]],
        row=coded.phrase_row[occurrence],
        row_phrase=new_code[code[occurrence]],
    )


def _common_rate(account: Ints, phrase: Ints, count: Ints, prompts: Ints, size: int) -> Floats:
    """Rate of each phrase over the accounts that do not lean on it, with half a count added."""
    hot = (count >= MIN_PROMPTS) & (count > HOT_RATE * prompts[account])
    seen = np.bincount(phrase[~hot], weights=count[~hot].astype(np.float64), minlength=size)
    left_out = np.bincount(phrase[hot], weights=prompts[account[hot]].astype(np.float64), minlength=size)
    common: Floats = (seen + 0.5) / (prompts.sum() - left_out + 1.0)
    return common
