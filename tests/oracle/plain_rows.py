"""What the kernels of requests, phrases, phrase pairs and topic words compute, in plain Python."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import combinations
from operator import mul

Lists = list[list[int]]
WORD = (1 << 64) - 1


def number_keys(keys: list[int]) -> list[int]:
    """Number of each key, by first appearance."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def order_rows(owner: list[int], time: list[int], keys: list[int]) -> list[int]:
    """Rows by owner, time and key; equals as they came."""
    return sorted(range(len(owner)), key=lambda row: (owner[row], time[row], keys[row]))


def mark_first(order: list[int], owner: list[int], prompt_hash: list[int]) -> list[int]:
    """1 for the first row of each (owner, prompt)."""
    seen: set[tuple[int, int]] = set()
    first_occurrence = [0] * len(order)
    for row in order:
        first_occurrence[row] = int(prompt_hash[row] != 0 and (owner[row], prompt_hash[row]) not in seen)
        seen.add((owner[row], prompt_hash[row]))
    return first_occurrence


def mark_single_turns(
    owner: list[int], conversation: list[int], turn: list[int], first_occurrence: list[int]
) -> list[int]:
    """1 for a row that opens its conversation, in which all others are repeats; turns count from the earliest."""
    rows: dict[tuple[int, int], list[int]] = {}
    for row, key in enumerate(zip(owner, conversation, strict=True)):
        rows.setdefault(key, []).append(row)
    alone = {own[0] for own in rows.values() if not any(first_occurrence[row] for row in own[1:])}
    earliest = {
        one: min((t for o, t in zip(owner, turn, strict=True) if o == one and t >= 0), default=0) for one in set(owner)
    }
    return [int(row in alone and t <= earliest[o]) for row, (o, t) in enumerate(zip(owner, turn, strict=True))]


def recurring_phrases(
    owner: list[int], first_occurrence: list[int], phrases: Lists, systems: Lists, least: int
) -> dict[tuple[int, int], int]:
    """(owner, phrase) -> first occurrences with it, where enough."""
    rows: Counter[tuple[int, int]] = Counter()
    for row, one in enumerate(owner):
        if first_occurrence[row]:
            rows.update((one, phrase) for phrase in {*phrases[row], *systems[row]})
    return {key: count for key, count in rows.items() if count >= least}


def known_phrases(names: list[int], phrases: Lists, systems: Lists) -> Lists:
    """Codes of each row's phrases among the names, ascending."""
    return [
        sorted({names.index(p) for p in (*own, *system) if p in names})
        for own, system in zip(phrases, systems, strict=True)
    ]


def assign_clusters(
    account: list[int], codes: Lists, cluster_of: list[int], recurring: set[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Cluster of each row and its phrases in the row."""
    found = []
    for owner, own in zip(account, codes, strict=True):
        counts = Counter(cluster_of[code] for code in own if cluster_of[code] >= 0)
        enough = [(-n, label) for label, n in counts.items() if n >= 2 or (owner, label) in recurring]
        best = min(enough, default=(0, -1))
        found.append((best[1], -best[0]))
    return found


def recurring_words(account_runs: Lists, words: Lists, share: float) -> set[tuple[int, int]]:
    """(run, word) of the words in at least two rows and in a share of the rows."""
    found = set()
    for number, rows in enumerate(account_runs):
        counts = Counter(word for row in rows for word in words[row])
        found |= {(number, word) for word, n in counts.items() if n >= 2 and n >= share * len(rows)}
    return found


def words_on_several_topics(account_runs: Lists, words: Lists, topic: list[int]) -> list[tuple[int, int, int]]:
    """(run, word, rows) of the words in rows of two topics at least."""
    found = []
    for number, rows in enumerate(account_runs):
        for word in sorted({word for row in rows for word in words[row]}):
            own = [row for row in rows if word in words[row]]
            found += [(number, word, len(own))] * (len({topic[row] for row in own}) > 1)
    return found


def telling_words(cluster: list[int], words: Lists, telling: set[int], wrapping: set[tuple[int, int]]) -> Lists:
    """Words of each row that tell its topic."""
    return [
        [word for word in own if word in telling and (label, word) not in wrapping]
        for label, own in zip(cluster, words, strict=True)
    ]


def word_keys(words: Lists, salt: int) -> list[int]:
    """A number for each row from its words."""
    keys = []
    for own in words:
        total = 0
        for word in own:
            mixed = (word + salt) * 0x9E3779B97F4A7C15 & WORD
            mixed ^= mixed >> 29
            total += mixed * 0xBF58476D1CE4E5B9
        total &= WORD
        keys.append(total ^ (total >> 31))
    return keys


def unit_vectors(words: Lists, code: list[int], weight: list[int], basis: Lists, least: int) -> Lists:
    """Direction of each row's words, scaled to length 127."""
    found = []
    for own in words:
        total = [0] * len(basis[0])
        if len(own) >= least:
            length = math.sqrt(max(sum(weight[word] ** 2 for word in own), 1))
            for word in own:
                if code[word] >= 0:
                    factor = round(256 * weight[word] / length)
                    total = [t + factor * b for t, b in zip(total, basis[code[word]], strict=True)]
        total = [value // 64 for value in total]
        length = max(math.sqrt(sum(value * value for value in total)), 1e-9)
        found.append([round(127 * value / length) for value in total])
    return found


def best_columns(rows: Lists, across: Lists) -> list[int]:
    """Column with the largest dot product with each row; the first on ties."""
    columns = list(zip(*across, strict=True))
    products = [[sum(map(mul, row, column)) for column in columns] for row in rows]
    return [row.index(max(row)) for row in products]


def count_words(words: list[int], buckets: int) -> list[int]:
    """Occurrences of each word."""
    counts = Counter(words)
    return [counts[word] for word in range(buckets)]


def take_words(rows: list[int], words: Lists) -> Lists:
    """Words of some rows."""
    return [words[row] for row in rows]


def pairs_by_account(
    account_runs: list[tuple[int, list[int]]], shared_of_row: Lists, own_phrases: Lists, limits: tuple[int, int]
) -> Counter[tuple[int, int]]:
    """Accounts that have both phrases of a pair as recurring phrases and in one request, at least twice.

    Args:
        account_runs: account and rows of each, in order.
        shared_of_row: recurring phrase codes of each row, in the order in which the kernel meets them.
        own_phrases: recurring phrases of each account.
        limits: phrases of one request that are paired, and rows of one account that are gone through.
    """
    pairs: Counter[tuple[int, int]] = Counter()
    for account, rows in account_runs:
        own = set(own_phrases[account])
        seen: defaultdict[tuple[int, int], int] = defaultdict(int)
        for row in rows[:: max(1, -(-len(rows) // limits[1]))]:
            for pair in combinations([h for h in shared_of_row[row] if h in own][: limits[0]], 2):
                seen[pair] += 1
        pairs.update(pair for pair, times in seen.items() if times >= 2)
    return pairs


TWINS = {
    "number_keys": number_keys,
    "order_rows": order_rows,
    "mark_first": mark_first,
    "mark_single_turns": mark_single_turns,
    "recurring_phrases": recurring_phrases,
    "_mark_twice": recurring_phrases,
    "_take_marked": recurring_phrases,
    "_count_rows": recurring_phrases,
    "_count_all": recurring_phrases,
    "grown32": recurring_phrases,
    "enter_phrases": known_phrases,
    "known_phrases": known_phrases,
    "assign_clusters": assign_clusters,
    "recurring_words": recurring_words,
    "words_on_several_topics": words_on_several_topics,
    "telling_words": telling_words,
    "word_keys": word_keys,
    "unit_vectors": unit_vectors,
    "best_columns": best_columns,
    "count_words": count_words,
    "take_words": take_words,
    "pairs_by_account": pairs_by_account,
    "_find_dense_pairs": pairs_by_account,
    "_find_sparse_pairs": pairs_by_account,
}
"""Compiled function -> the twin of what it is part of."""
