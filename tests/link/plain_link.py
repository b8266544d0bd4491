"""The link room over one table in memory: what its passes over account partitions must give.

These are the steps as they were written first, with sorts and whole columns in canonical order instead of hash tables
and partitions; trimmed to what the comparison needs. Compiled loops that both ways share (word vectors, nearest topics)
are held to twins of their own in tests/oracle. What came with the passes stands here too: the bound on the requests of
one account that are paired (`MAX_REQUESTS`), which of the same prompts at the same time is the first (that of the
smaller request key), and the order of equals in the sample of topics.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from stillhunt.link.topics.topic_word_kernels import orthonormal, request_vectors, word_vectors

# The numbers of the method, stated here once more: a changed number of the product must make a test fail.
BUCKETS = 65_536
CUTS, COHESION = (0.23, 0.29, 0.37, 0.47, 0.59, 0.73), 0.17
MIN_TOGETHER = 3
MAX_PHRASES_PER_REQUEST, MAX_REQUESTS = 48, 4_096
MIN_ACCOUNTS, MIN_PROMPTS, HOT_RATE, MIN_LIFT, MIN_NATS = 3, 3, 0.02, 8.0, 10.0
MAX_PHRASES = 256
TOPICS, DIMENSIONS, ROUNDS, ITERATIONS, SAMPLE = 64, 64, 12, 6, 30_000
COMMONEST, RAREST, MIN_WORDS, SCALE, NO_TOPIC = 0.08, 5, 3, 4_096, -1
WORDING_RATE = 0.5
WRAPPER_RATE, WRAPPER_ACCOUNTS, WRAPPER_PROMPTS = 0.04, 0.34, 4
DAY = 86_400_000_000
MIN_QUESTIONS, MAX_CLIENTS = 8, 3

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Coded:
    """Requests in canonical order, one entry each unless said otherwise.

    Attributes:
        account_ids: distinct account ids, ascending.
        account: code of the account.
        fold, first_occurrence, single_turn: as the first pass notes them.
        conversation: hash of its conversation.
        rank: place in the order of time, over all accounts.
        phrase_row, phrase: each distinct phrase of each request, rows ascending.
        word_row, word: each topic word of each request, rows ascending.
    """

    account_ids: list[str]
    account: Ints
    fold: Ints
    first_occurrence: Flags
    single_turn: Flags
    conversation: Hashes
    rank: Ints
    phrase_row: Ints
    phrase: Hashes
    word_row: Ints
    word: Ints

    @property
    def rows(self) -> int:
        """Number of requests."""
        return len(self.account)


def keyed_bit(conversations: Hashes, seed: int) -> Ints:
    """Fold of each conversation."""
    word, mix = 2**64 - 1, 0x9E3779B97F4A7C15
    found = []
    for conversation in conversations.tolist():
        mixed = conversation ^ ((seed + 1) * mix & word)
        mixed = (mixed ^ (mixed >> 32)) * mix & word
        found.append(mixed >> 40 & 1)
    return np.array(found, np.int64)


def code_sketches(sketches: pa.Table, *, seed: int) -> Coded:
    """Arrays of a SKETCHES table in canonical order."""
    account_ids, account = np.unique(np.array(sketches["account_id"].to_pylist(), object), return_inverse=True)
    conversation = sketches["conversation"].to_numpy()
    rows, phrases = _lists(sketches, "phrases")
    system_rows, system_phrases = _lists(sketches, "system_phrases")
    phrase_row, phrase = _distinct_pairs(np.append(rows, system_rows), np.append(phrases, system_phrases))
    word_row, word = _lists(sketches, "topic_words")
    first_occurrence, rank = _first_of(account, sketches), np.argsort(_in_time(sketches))
    opening: dict[int, int] = {}
    for row in np.argsort(rank).tolist():
        opening.setdefault(conversation[row], row)
    opens = np.array([opening[one] == row for row, one in enumerate(conversation)], bool)
    talks = set(conversation[~opens & first_occurrence].tolist())
    alone = opens & np.array([one not in talks for one in conversation.tolist()], bool)
    return Coded(
        account_ids=account_ids.tolist(),
        account=account.astype(np.int64),
        fold=keyed_bit(conversation, seed),
        first_occurrence=first_occurrence,
        single_turn=alone & _opens(account, pc.fill_null(sketches["turn"], -1).to_numpy()),
        conversation=conversation,
        rank=rank,
        phrase_row=phrase_row,
        phrase=phrase.astype(np.uint64),
        word_row=word_row,
        word=word.astype(np.int64),
    )


def _opens(account: Ints, turn: Ints) -> Array:
    """Whether each turn is unknown or the earliest known one of its account."""
    known = turn >= 0
    earliest = np.full(int(account.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(earliest, account[known], turn[known])
    return ~known | (turn == earliest[account])


def _lists(sketches: pa.Table, name: str) -> tuple[Ints, Array]:
    shown = sketches[name].to_pylist()
    rows = np.repeat(np.arange(len(shown)), [len(one) for one in shown])
    return rows, np.array([value for one in shown for value in one], np.int64)


def _distinct_pairs(rows: Ints, values: Array) -> tuple[Ints, Array]:
    pairs = sorted(set(zip(rows.tolist(), values.tolist(), strict=True)))
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


def _in_time(sketches: pa.Table) -> Ints:
    """Rows in the order of time; by request key where times are equal."""
    time, key = sketches["timestamp"].cast(pa.int64()).to_numpy(), sketches["request_key"].to_numpy()
    return np.lexsort((key, time))


def _first_of(account: Ints, sketches: pa.Table) -> Flags:
    """True at the first row of each (account, prompt); rows without a prompt are never a first occurrence."""
    prompt_hash = sketches["prompt_hash"].to_numpy()
    seen: set[tuple[int, int]] = set()
    first_occurrence = np.zeros(len(account), bool)
    for row in _in_time(sketches).tolist():
        pair = int(account[row]), int(prompt_hash[row])
        first_occurrence[row] = pair not in seen and pair[1] != 0
        seen.add(pair)
    return first_occurrence


@dataclass(frozen=True)
class SharedPhrases:
    """Phrases shared as a recurring phrase by several accounts.

    Attributes:
        phrases: their hashes, ascending; position = code.
        account, phrase: codes of each (account, phrase) that is a recurring phrase.
        row, row_phrase: every occurrence of those phrases in any request, rows ascending.
    """

    phrases: Hashes
    account: Ints
    phrase: Ints
    row: Ints
    row_phrase: Ints


def find_shared_phrases(coded: Coded) -> SharedPhrases:
    """Phrases that at least `MIN_ACCOUNTS` accounts share as recurring phrases."""
    first_occurrence = coded.first_occurrence[coded.phrase_row]
    vocabulary, code = np.unique(coded.phrase, return_inverse=True)
    size = len(vocabulary)
    key, count = np.unique(
        coded.account[coded.phrase_row[first_occurrence]] * size + code[first_occurrence], return_counts=True
    )
    account, phrase = np.divmod(key, max(size, 1))
    prompts = np.bincount(coded.account[coded.first_occurrence], minlength=len(coded.account_ids))
    rate = count / prompts[account]
    hot = (count >= MIN_PROMPTS) & (count > HOT_RATE * prompts[account])
    seen = np.bincount(phrase[~hot], weights=count[~hot].astype(np.float64), minlength=size)
    left_out = np.bincount(phrase[hot], weights=prompts[account[hot]].astype(np.float64), minlength=size)
    common = (seen + 0.5) / (prompts.sum() - left_out + 1.0)
    expected = common[phrase] * prompts[account]
    nats = count * np.log(count / expected) - (count - expected)
    recurs = (count >= MIN_PROMPTS) & (rate >= MIN_LIFT * common[phrase]) & (nats >= MIN_NATS)
    shared = np.bincount(phrase[recurs], minlength=size) >= MIN_ACCOUNTS
    kept = np.flatnonzero(shared)
    new_code = np.full(size, -1, np.int64)
    new_code[kept] = np.arange(len(kept))
    recurs &= shared[phrase]
    occurrence = shared[code]
    return SharedPhrases(
        phrases=vocabulary[kept],
        account=account[recurs],
        phrase=new_code[phrase[recurs]],
        row=coded.phrase_row[occurrence],
        row_phrase=new_code[code[occurrence]],
    )


def known_phrases(coded: Coded) -> list[int]:
    """Hashes of the phrases that recur in enough accounts to be looked at, ascending."""
    first_occurrence = coded.first_occurrence[coded.phrase_row]
    recurs = Counter(
        zip(
            coded.account[coded.phrase_row[first_occurrence]].tolist(),
            coded.phrase[first_occurrence].tolist(),
            strict=True,
        )
    )
    users = Counter(phrase for (_, phrase), count in recurs.items() if count >= MIN_PROMPTS)
    return sorted(phrase for phrase, count in users.items() if count >= MIN_ACCOUNTS)


@dataclass(frozen=True)
class Clusters:
    """Content clusters and what falls into them.

    Attributes:
        of_phrase: cluster of each recurring phrase phrase; -1 where none.
        of_request: cluster of each request; -1 where none.
        row, row_phrase: occurrences of a cluster's phrases in the requests assigned to that cluster, rows ascending.
        count: number of clusters.
    """

    of_phrase: Ints
    of_request: Ints
    row: Ints
    row_phrase: Ints
    count: int


def content_clusters(coded: Coded, shared_phrases: SharedPhrases) -> Clusters:
    """Cluster the shared phrases; a request goes to the cluster with most of its phrases, if they are enough."""
    of_phrase = _cluster_phrases(coded, shared_phrases)
    count = int(of_phrase.max(initial=-1)) + 1
    cluster = of_phrase[shared_phrases.row_phrase]
    row, row_phrase, cluster = (
        shared_phrases.row[cluster >= 0],
        shared_phrases.row_phrase[cluster >= 0],
        cluster[cluster >= 0],
    )
    recurring = set(zip(shared_phrases.account.tolist(), of_phrase[shared_phrases.phrase].tolist(), strict=True))
    of_request = np.full(coded.rows, -1, np.int64)
    best = np.zeros(coded.rows, np.int64)
    for (place, label), matched in sorted(Counter(zip(row.tolist(), cluster.tolist(), strict=True)).items()):
        enough = matched >= 2 or (int(coded.account[place]), label) in recurring
        if enough and matched > best[place]:
            of_request[place], best[place] = label, matched
    inside = of_request[row] == cluster
    return Clusters(of_phrase, of_request, row[inside], row_phrase[inside], count)


def _account_pairs(coded: Coded, shared_phrases: SharedPhrases) -> Counter[tuple[int, int]]:
    """Accounts in which both phrases of a pair are recurring phrases and stand in one request, at least twice."""
    own = set(zip(shared_phrases.account.tolist(), shared_phrases.phrase.tolist(), strict=True))
    inside: defaultdict[int, list[int]] = defaultdict(list)
    for row, phrase in zip(shared_phrases.row.tolist(), shared_phrases.row_phrase.tolist(), strict=True):
        if (int(coded.account[row]), phrase) in own:
            inside[row].append(phrase)
    pairs: Counter[tuple[int, int]] = Counter()
    for account in range(len(coded.account_ids)):
        rows = np.flatnonzero(coded.account == account)
        seen = Counter(
            pair
            for row in rows[:: max(1, -(-len(rows) // MAX_REQUESTS))].tolist()
            for pair in combinations(inside[row][:MAX_PHRASES_PER_REQUEST], 2)
        )
        pairs.update(pair for pair, times in seen.items() if times >= 2)
    return pairs


def _cluster_phrases(coded: Coded, shared_phrases: SharedPhrases) -> Ints:
    size = len(shared_phrases.phrases)
    of_phrase = np.full(size, -1, np.int64)
    if not size:
        return of_phrase
    counted = sorted(_account_pairs(coded, shared_phrases).items())
    left, right = (np.array([pair[fold] for pair, _ in counted], np.int64) for fold in (0, 1))
    together = np.array([users for _, users in counted], np.int64)
    users = np.bincount(shared_phrases.phrase, minlength=size)
    jaccard = together / (users[left] + users[right] - together)
    usage = sp.csr_matrix(
        (np.ones(len(shared_phrases.phrase), np.int32), (shared_phrases.account, shared_phrases.phrase)),
        shape=(len(coded.account_ids), size),
    )
    next_label = 0
    pending = [(np.arange(size), 0)]
    while pending:
        members, level = pending.pop()
        inside = np.zeros(size, bool)
        inside[members] = True
        edge = inside[left] & inside[right] & (jaccard >= CUTS[level]) & (together >= MIN_TOGETHER)
        parts = connected_components(
            sp.coo_matrix((np.ones(int(edge.sum())), (left[edge], right[edge])), shape=(size, size)), directed=False
        )[1][members]
        for part in np.unique(parts):
            phrases = members[parts == part]
            if len(phrases) < 2:
                continue
            used = np.asarray(usage[:, phrases].sum(axis=1)).ravel()
            if level + 1 < len(CUTS) and used[used > 0].mean() / len(phrases) < COHESION:
                pending.append((phrases, level + 1))
                continue
            of_phrase[phrases] = next_label
            next_label += 1
    names = sorted(range(next_label), key=lambda label: int(np.flatnonzero(of_phrase == label)[0]))
    rank = {-1: -1, **{label: place for place, label in enumerate(names)}}
    return np.array([rank[label] for label in of_phrase.tolist()], np.int64)


def request_topics(coded: Coded, clusters: Clusters, *, seed: int) -> Ints:
    """Topic of each request; -1 where its words tell none."""
    rows = coded.rows
    frequency = np.bincount(coded.word, minlength=BUCKETS)
    telling = (frequency >= RAREST) & (frequency <= max(COMMONEST * rows, RAREST))
    learned = telling[coded.word] & ~_wrapper_words(coded, clusters)
    learned &= ~_own_wording(coded, clusters, np.ones(rows, bool))
    used = np.unique(coded.word[learned])
    offsets, word, weights = _telling_words(coded, learned, used, frequency)
    topics = np.full(rows, NO_TOPIC, np.int64)
    known = np.flatnonzero(np.diff(offsets) >= MIN_WORDS)
    if len(known) < TOPICS:
        return topics
    shown = [tuple(used[word[offsets[r] : offsets[r + 1]]].tolist()) for r in known.tolist()]
    keys = _keys(coded, seed)[known]
    # Of requests of the same words the ones with fewer telling words come first; what is then equal is the same.
    order = sorted(range(len(known)), key=lambda n: (int(keys[n]), len(shown[n]), _telling_key(shown[n], seed)))
    sample = known[order[:SAMPLE]]
    generator = np.random.Generator(np.random.PCG64(seed))
    basis = generator.integers(-SCALE, SCALE, size=(BUCKETS, DIMENSIONS)).astype(np.int32)[used]
    for _ in range(ITERATIONS):
        projected = word_vectors(offsets, word, weights, basis, sample)
        basis = np.rint(SCALE * 16 * orthonormal(projected.astype(np.float64))).astype(np.int32)
    centres = _centres(request_vectors(offsets, word, weights, basis)[sample])
    # A request shows its topic without what stands in most of its account's requests that are worded, too.
    shows = learned & ~_own_wording(coded, clusters, ~unworded(coded))
    offsets, word, weights = _telling_words(coded, shows, used, frequency)
    known = np.flatnonzero(np.diff(offsets) >= MIN_WORDS)
    vectors = request_vectors(offsets, word, weights, basis)
    topics[known] = (_unit_rows(vectors[known]) @ centres.T).argmax(axis=1)
    return topics


def _telling_words(coded: Coded, keep: Flags, used: Ints, frequency: Ints) -> tuple[Ints, Ints, Ints]:
    """Where each request's kept words begin, their codes among those in use, and weights."""
    row, word = coded.word_row[keep], np.searchsorted(used, coded.word[keep])
    weight = np.rint(16 * np.log2(coded.rows / np.maximum(frequency[used], 1))).astype(np.int64)
    square = np.bincount(row, weights=(weight[word] ** 2).astype(np.float64), minlength=coded.rows)
    weights = np.rint(256 * weight[word] / np.sqrt(np.maximum(square[row], 1.0))).astype(np.int64)
    return np.searchsorted(row, np.arange(coded.rows + 1)), word, weights


def _mixed(words: Ints, seed: int) -> Hashes:
    mixed = (words.astype(np.uint64) + np.uint64(seed * 2 + 1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return mixed


def _keys(coded: Coded, seed: int) -> Hashes:
    """A number for each request from its own words alone."""
    total = np.zeros(coded.rows, np.uint64)
    np.add.at(total, coded.word_row, _mixed(coded.word, seed))
    keys: Hashes = total ^ (total >> np.uint64(31))
    return keys


def _telling_key(words: tuple[int, ...], seed: int) -> int:
    total = int(_mixed(np.array(words), seed).sum(dtype=np.uint64))
    return total ^ (total >> 31)


def wordings(coded: Coded) -> set[tuple[int, int]]:
    """Account and phrase where the phrase stands in most of the account's prompts, three at least."""
    prompts = Counter(coded.account[coded.first_occurrence].tolist())
    inside = coded.first_occurrence[coded.phrase_row]
    pairs = zip(coded.account[coded.phrase_row[inside]].tolist(), coded.phrase[inside].tolist(), strict=True)
    return {
        pair for pair, times in Counter(pairs).items() if times >= max(MIN_PROMPTS, WORDING_RATE * prompts[pair[0]])
    }


def worded(coded: Coded) -> Flags:
    """True for the accounts with a wording of their own."""
    return np.isin(np.arange(len(coded.account_ids)), [account for account, _ in wordings(coded)])


def unworded(coded: Coded) -> Flags:
    """True for the requests that have no phrase of their account's wording, where it has one."""
    found, own = worded(coded)[coded.account], wordings(coded)
    for row, phrase in zip(coded.phrase_row.tolist(), coded.phrase.tolist(), strict=True):
        if (int(coded.account[row]), phrase) in own:
            found[row] = False
    return found


def _own_wording(coded: Coded, clusters: Clusters, looked_at: Flags) -> Flags:
    """True for each (request, word) outside clusters whose word stands in most requests of its worded account there.

    `looked_at`: requests among which it must.
    """
    alone = (clusters.of_request < 0) & worded(coded)[coded.account]
    told = alone & coded.first_occurrence & looked_at
    prompts = Counter(coded.account[told].tolist())
    outside = alone[coded.word_row]
    pairs = list(zip(coded.account[coded.word_row].tolist(), coded.word.tolist(), strict=True))
    counts = Counter(pair for n, pair in enumerate(pairs) if told[coded.word_row[n]])
    own = {pair for pair, times in counts.items() if times >= max(MIN_QUESTIONS, WORDING_RATE * prompts[pair[0]])}
    return outside & np.array([pair in own for pair in pairs], bool)


def _wrapper_words(coded: Coded, clusters: Clusters) -> Flags:
    """True for each (request, word) whose word belongs to the wrapping of the request's content cluster."""
    cluster = clusters.of_request[coded.word_row].tolist()
    prompts: Counter[tuple[int, int]] = Counter()
    for row in np.flatnonzero(coded.first_occurrence & (clusters.of_request >= 0)).tolist():
        prompts[int(clusters.of_request[row]), int(coded.account[row])] += 1
    count: Counter[tuple[int, int, int]] = Counter()
    for row, word, label in zip(coded.word_row.tolist(), coded.word.tolist(), cluster, strict=True):
        if label >= 0 and coded.first_occurrence[row]:
            count[label, int(coded.account[row]), word] += 1
    hits = Counter(
        (label, word)
        for (label, account, word), times in count.items()
        if times >= 2 and times >= WRAPPER_RATE * prompts[label, account]
    )
    users = Counter(label for (label, _), size in prompts.items() if size >= WRAPPER_PROMPTS)
    own = {pair for pair, times in hits.items() if times >= max(WRAPPER_ACCOUNTS * users[pair[0]], 2)}
    return np.array([pair in own for pair in zip(cluster, coded.word.tolist(), strict=True)], bool)


def _centres(sample: Array) -> Array:
    unit = _unit_rows(sample)
    chosen = [0]
    nearest = unit.astype(np.int64) @ unit[0].astype(np.int64)
    for _ in range(TOPICS - 1):
        order = np.argsort(nearest, kind="stable")
        chosen.append(int(order[len(order) // 8]))
        nearest = np.maximum(nearest, unit.astype(np.int64) @ unit[chosen[-1]].astype(np.int64))
    centres = unit[chosen]
    for _ in range(ROUNDS):
        label = (unit @ centres.T).argmax(axis=1)
        sums = np.zeros((TOPICS, DIMENSIONS), np.int64)
        np.add.at(sums, label, unit.astype(np.int64))
        empty = np.bincount(label, minlength=TOPICS) == 0
        centres = np.where(empty[:, None], centres, _unit_rows(sums))
    return centres


def _unit_rows(vectors: Array) -> Array:
    lengths = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1))
    unit: Array = np.rint(127 * vectors / np.maximum(lengths[:, None], 1e-9)).astype(np.int32)
    return unit


@dataclass(frozen=True)
class PlainSlices:
    """The slices of one label; the tables are those of `ClusterSlices`.

    Attributes:
        requests: by fold, how often (slice, phrase positions of one request) occurs; requests without any are left out.
    """

    account: list[int]
    size: Ints
    phrases: Ints
    topics: Ints
    requests: tuple[Counter[tuple[int, tuple[int, ...]]], Counter[tuple[int, tuple[int, ...]]]]


def cluster_slices(
    coded: Coded, clusters: Clusters, of_request: Ints, topics: Ints, *, least_accounts: int, least: int
) -> dict[int, PlainSlices]:
    """Slices of every label that enough accounts use, request by request.

    Args:
        coded, clusters: requests and what falls into clusters.
        of_request: label of each request; -1 where it is not wanted.
        topics: topic of each request.
        least_accounts, least: accounts a label needs and distinct prompts a slice needs.
    """
    codes: defaultdict[int, list[int]] = defaultdict(list)
    for row, phrase in zip(clusters.row.tolist(), clusters.row_phrase.tolist(), strict=True):
        codes[row].append(phrase)
    found = {}
    for label in sorted(set(of_request.tolist()) - {-1}):
        rows = np.flatnonzero(coded.first_occurrence & (of_request == label))
        prompts = Counter(coded.account[rows].tolist())
        accounts = sorted(account for account, count in prompts.items() if count >= least)
        if len(accounts) < least_accounts:
            continue
        own = [row for row in _draws(coded, rows.tolist()) if int(coded.account[row]) in set(accounts)]
        found[label] = _one_label(coded, accounts, own, {row: codes[row] for row in own}, topics)
    return found


def _draws(coded: Coded, rows: list[int]) -> list[int]:
    """The rows, of each account's conversation only the first."""
    first: dict[tuple[int, int], int] = {}
    for row in sorted(rows, key=lambda row: int(coded.rank[row])):
        first.setdefault((int(coded.account[row]), int(coded.conversation[row])), row)
    return sorted(first.values())


def _one_label(
    coded: Coded, accounts: list[int], rows: list[int], codes: dict[int, list[int]], topics: Ints
) -> PlainSlices:
    users: defaultdict[int, set[int]] = defaultdict(set)
    for row in rows:
        for phrase in codes[row]:
            users[phrase].add(int(coded.account[row]))
    kept = sorted(sorted(users, key=lambda phrase: (-len(users[phrase]), phrase))[:MAX_PHRASES])
    place = {phrase: position for position, phrase in enumerate(kept)}
    count = len(accounts)
    size = np.zeros((2, count), np.int64)
    phrases, by_topic = np.zeros((2, count, len(kept)), np.int64), np.zeros((2, count, TOPICS), np.int64)
    requests: tuple[Counter[Any], Counter[Any]] = (Counter(), Counter())
    for row in rows:
        fold, member = int(coded.fold[row]), accounts.index(int(coded.account[row]))
        size[fold, member] += 1
        if topics[row] >= 0:
            by_topic[fold, member, topics[row]] += 1
        shown = tuple(sorted(place[phrase] for phrase in codes[row] if phrase in place))
        phrases[fold, member, list(shown)] += 1
        if shown:
            requests[fold][member, shown] += 1
    return PlainSlices(accounts, size, phrases, by_topic, requests)


UntemplatedRows = dict[tuple[int, int, str], list[int]]
"""(account, request style, client; empty where several or none is known) -> requests of the untemplated slice."""
BESIDE = "\n\n"
"""Behind the client of a slice that lacks its account's wording."""


def untemplated_slices(sketches: pa.Table, coded: Coded, of_request: Ints, topics: Ints) -> UntemplatedRows:
    """Requests of each untemplated slice.

    Args:
        sketches, coded: requests in canonical order.
        of_request: content cluster of each; -1 where none.
        topics: topic of each.
    """
    given = [sketches[name].is_valid().to_numpy() for name in ("temperature", "top_p", "max_tokens")]
    request_style = np.any(given, axis=0).astype(int).tolist()
    agent, print_ = (pc.fill_null(sketches[name], "").to_pylist() for name in ("user_agent", "tls_fingerprint"))
    untemplated = np.flatnonzero((of_request < 0) & coded.single_turn).tolist()
    shown = {row for row in untemplated if coded.first_occurrence[row] and topics[row] >= 0}
    lacking = unworded(coded)
    own_worded = Counter(int(coded.account[row]) for row in shown if not lacking[row])
    by_client: defaultdict[tuple[int, int, bool, str], list[int]] = defaultdict(list)
    for row in untemplated:
        client, account = f"{agent[row]}\n{print_[row]}" if agent[row] or print_[row] else "", int(coded.account[row])
        beside = bool(lacking[row]) and own_worded[account] >= MIN_QUESTIONS
        by_client[account, request_style[row], beside, client].append(row)
    # What is sent without a known client is a pile of its own, and counts as one of the clients.
    large = {key for key, own in by_client.items() if len(shown.intersection(own)) >= MIN_QUESTIONS}
    background = {key for key in large if sum(other[:3] == key[:3] for other in large) > MAX_CLIENTS}
    slices: defaultdict[tuple[int, int, str], list[int]] = defaultdict(list)
    for key, own in by_client.items():
        slices[key[0], key[1], (key[3] if key in large - background else "") + BESIDE * key[2]] += own
    return {key: sorted(own) for key, own in sorted(slices.items()) if len(shown.intersection(own)) >= MIN_QUESTIONS}


def days_of(sketches: pa.Table, rows: list[int]) -> int:
    """Days on which there is any of these requests."""
    time = sketches["timestamp"].cast(pa.int64()).to_numpy()
    return len(set((time[rows] // DAY).tolist()))
