"""Accounts linked to campaigns by signatures, while their requests arrive.

A request is weighed by its phrases and style. An account is weighed by what its first requests show together: each
phrase counts once an account, so that an app which repeats one public sentence in every request gains nothing by
repeating it, and at least two requests of different conversations, with different prompts, must carry the template.

Memory is bounded: accounts with no phrase of a signature are not remembered, and of the others only so many. When the
table is full, the half with the fewest bits is forgotten. A forgotten account starts anew: it needs to show the same
phrases again. Somebody who floods the table with accounts that show more of a template than the one to be hidden can
therefore delay its link, and shows the template in thousands of accounts by doing so. `forgotten` counts them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa

from stillhunt.link.campaign_phrases import distinct_keys
from stillhunt.link.requests.arrays import Ints, values
from stillhunt.watch.signatures.parameters import FIRST_REQUESTS, MOST_FOLLOWED_ACCOUNTS
from stillhunt.watch.signatures.parameters import MATCHING as P
from stillhunt.watch.signatures.signature import MICRO, Signature, fill_sentence
from stillhunt.watch.signatures.weighing import PHRASE_COLUMNS, SENDER_COLUMNS, WeighedMatch, WeighedRequests, Weigher

# Requests of different conversations, with different prompts, that must carry the template (one quoted template in one
# chat links nobody)
_CARRIERS = 2


MATCHED_COLUMNS = (
    *("account_id", "account_key", "request_key", "timestamp", "conversation", "prompt_hash"),
    *PHRASE_COLUMNS,
    *SENDER_COLUMNS,
)
"""Columns of the sketches that matching reads."""
REQUEST_BITS, SENDER_BITS = (round(bits * MICRO) for bits in (P.request_bits, P.sender_bits))
"""Millionths of a bit from which a request carries a template, and from which its sender is like the campaign's."""
Key = TypeVar("Key", int, str)


@dataclass(frozen=True)
class LinkedAccount:
    """An account that shows the signature of a campaign."""

    account_id: str
    campaign_id: str
    bits: float  # of its phrases and style together
    requests: int  # its requests that were weighed
    matched: int  # those of them that carry the template
    first_matched: int
    linked_at: int
    reasons: tuple[str, ...]
    # of what shows who sends its requests: as many as `carriers` of those with the template have
    sender_bits: float = 0.0


class _Shown:
    """What one account has shown of one signature."""

    __slots__ = (
        "bits",
        "conversation",
        "conversations",
        "first",
        "later",
        "matched",
        "most",
        "phrases",
        "prompt",
        "prompts",
        "senders",
        "style",
    )

    def __init__(self) -> None:
        self.phrases = self.bits = self.style = self.matched = self.later = self.first = self.most = 0
        self.conversation = self.prompt = -1
        self.conversations = self.prompts = 0
        self.senders = [0] * _CARRIERS

    def add(self, phrases: Mapping[int, int]) -> None:
        for phrase, weight in phrases.items():
            if not self.phrases >> phrase & 1:
                self.phrases |= 1 << phrase
                self.bits += weight

    def carry(self, weighed: WeighedMatch, time: int, conversation: int, prompt: int) -> None:
        self.first = min(self.first, time) if self.matched else time
        self.matched += 1
        self.style += weighed.style
        self.senders = sorted([*self.senders, weighed.sender])[1:]
        if not self.conversations or (self.conversations == 1 and conversation != self.conversation):
            self.conversation, self.conversations = conversation, self.conversations + 1
        if not self.prompts or (self.prompts == 1 and prompt != self.prompt):
            self.prompt, self.prompts = prompt, self.prompts + 1

    def total(self) -> int:
        """Bits of phrases, and the mean bits of style of the requests that carry the template; millionths."""
        return self.bits + self.style // max(self.matched, 1)

    def carried(self) -> bool:
        return min(self.conversations, self.prompts) >= _CARRIERS


class FollowedAccount:
    """One account that is followed, and what it has shown so far."""

    __slots__ = ("account_id", "linked", "seen", "sent", "shown")

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.seen = 0  # its requests, from the first with a phrase of a signature on
        self.shown: dict[int, _Shown] = {}  # number of a signature -> what the account has shown of it
        self.linked: dict[int, int] = {}  # number of a signature -> time of the request that linked the account
        self.sent: set[int] = set()  # signatures to which it is linked and whose senders its own are like

    def show(self, number: int, weighed: WeighedMatch, request: tuple[int, int, int], bar: int) -> bool:
        """Add one of the account's first requests.

        Args:
            request: time, conversation and hash of the prompt.
            bar: millionths of a bit from which the account is linked.

        Returns:
            Whether this request links the account, or is the first to show that a linked one has the campaign's sender.
        """
        shown = self.shown.setdefault(number, _Shown())
        shown.add(weighed.phrases)
        shown.most = max(shown.most, weighed.bits)
        if weighed.bits >= REQUEST_BITS:
            shown.carry(weighed, *request)
        links = number not in self.linked and shown.carried() and shown.total() >= bar
        if links:
            self.linked[number] = request[0]
        sent = number in self.linked and number not in self.sent and shown.senders[0] >= SENDER_BITS
        if sent:
            self.sent.add(number)
        return links or sent

    def link(self, number: int, signature: Signature) -> LinkedAccount:
        """The account's link to a signature, with what all its weighed requests show."""
        shown = self.shown[number]
        seen = min(self.seen, FIRST_REQUESTS)
        bits, style = shown.bits / MICRO, shown.style / MICRO / max(shown.matched, 1)
        part, all_phrases = shown.phrases.bit_count(), len(signature.phrases)
        reasons = (
            fill_sentence("carries", matched=shown.matched, seen=seen, name=signature.campaign_id),
            fill_sentence("phrases", part=part, all=all_phrases, bits=bits, bar=signature.account_bits),
            fill_sentence("style", bits=f"{style:+.1f}"),
            fill_sentence("sender", bits=shown.senders[0] / MICRO, least=P.sender_bits),
        )
        return LinkedAccount(
            account_id=self.account_id,
            campaign_id=signature.campaign_id,
            bits=round(shown.total() / MICRO, 3),
            requests=seen,
            matched=shown.matched,
            first_matched=shown.first,
            linked_at=self.linked[number],
            reasons=reasons,
            sender_bits=round(shown.senders[0] / MICRO, 3),
        )

    def most(self) -> int:
        """The most bits that it shows of any signature, in millionths."""
        return max((shown.total() for shown in self.shown.values()), default=0)


def links_of(accounts: Iterable[FollowedAccount], signatures: Sequence[Signature]) -> list[LinkedAccount]:
    """All links of some accounts, by account and campaign."""
    found = [account.link(number, signatures[number]) for account in accounts for number in account.linked]
    return sorted(found, key=lambda one: (one.account_id, one.campaign_id))


def without_least(accounts: Mapping[Key, FollowedAccount], most: int) -> dict[Key, FollowedAccount]:
    """Half of `most` accounts, without those of the fewest bits; linked ones go last, the oldest of equals first."""
    ranked = sorted(accounts.items(), key=lambda item: (bool(item[1].linked), item[1].most()))
    kept = {key for key, _ in ranked[len(ranked) - most // 2 :]}
    return {key: account for key, account in accounts.items() if key in kept}


class FollowedAccounts(Generic[Key]):
    """Accounts that are followed under some signatures, only so many at a time."""

    def __init__(self, signatures: Sequence[Signature], most_accounts: int) -> None:
        self._signatures, self._most = list(signatures), most_accounts
        self._bars = [round(one.account_bits * MICRO) for one in self._signatures]
        self._accounts: dict[Key, FollowedAccount] = {}
        self.requests = self.forgotten = 0

    def linked(self) -> list[LinkedAccount]:
        """All accounts that are linked and not forgotten, with what all their weighed requests show."""
        return links_of(self._accounts.values(), self._signatures)

    def _forget_beyond(self) -> None:
        if len(self._accounts) > self._most:
            kept = without_least(self._accounts, self._most)
            self.forgotten += len(self._accounts) - len(kept)
            self._accounts = kept


class Matcher(FollowedAccounts[int]):
    """Matches sketches with signatures, batch after batch."""

    def __init__(self, signatures: Sequence[Signature], most_accounts: int = MOST_FOLLOWED_ACCOUNTS) -> None:
        super().__init__(signatures, most_accounts)
        self._weigher = Weigher(self._signatures)

    def match(self, sketches: pa.Table) -> list[LinkedAccount]:
        """Take further requests.

        `sketches`: SKETCHES, or their `MATCHED_COLUMNS`; in any order, but the accounts' first requests count. Returns
        accounts that these requests link, by account and campaign; once for a campaign, and once more where later
        requests show that the account's sender is like the campaign's.
        """
        self.requests += sketches.num_rows
        new = self._match_sketches(sketches)
        found = [account.link(number, self._signatures[number]) for account, number in new]
        self._forget_beyond()
        return sorted(found, key=lambda one: (one.account_id, one.campaign_id))

    def scores(self) -> list[tuple[int, int, int, int, int]]:
        """What each followed account shows of each signature, linked or not.

        Returns key of the account, number of the signature, bits in millionths (0 where too few requests carry the
        template), all its requests that carry it, and the most bits of the phrases of one of its requests.
        """
        return [
            (key, number, shown.total() if shown.carried() else 0, shown.matched + shown.later, shown.most)
            for key, account in self._accounts.items()
            for number, shown in account.shown.items()
        ]

    def _match_sketches(self, sketches: pa.Table) -> list[tuple[FollowedAccount, int]]:
        if not self._signatures or not sketches.num_rows:
            return []
        keys = values(sketches, "account_key")
        weighed = self._weigher.weigh(sketches)
        followed = self._followed_rows(keys, distinct_keys(keys[weighed.row]))
        time = values(sketches, "timestamp", pa.int64())
        order = np.lexsort((values(sketches, "request_key")[followed], time[followed]))
        rank = np.full(len(keys), -1, np.int64)
        rank[followed[order]] = np.arange(len(followed))
        place = self._count_account_requests(keys, followed[order], weighed.row, sketches)
        wanted = np.flatnonzero((place[weighed.row] >= 0) & (place[weighed.row] < FIRST_REQUESTS))
        wanted = wanted[np.argsort(rank[weighed.row[wanted]], kind="stable")]
        names = [values(sketches, name) for name in ("conversation", "prompt_hash")]
        self._count_later(keys, weighed, place)
        new = []
        for row, number, one in weighed.entries(wanted):
            account = self._accounts[int(keys[row])]
            request = int(time[row]), int(names[0][row]), int(names[1][row])
            if account.show(number, one, request, self._bars[number]):
                new.append((account, number))
        return list(dict.fromkeys(new))

    def _count_later(self, keys: Ints, weighed: WeighedRequests, place: Ints) -> None:
        """Count requests that carry a template after those that are weighed."""
        late = (place[weighed.row] >= FIRST_REQUESTS) & (weighed.bits >= REQUEST_BITS)
        columns = (weighed.row, weighed.signature, weighed.bits)
        for row, number, bits in zip(*(column[late].tolist() for column in columns), strict=True):
            shown = self._accounts[int(keys[row])].shown.get(number)
            if shown is not None:
                shown.later += 1
                shown.most = max(shown.most, bits)

    def _followed_rows(self, keys: Ints, hit: Ints) -> Ints:
        """Rows of accounts that are followed, or will be from these requests on."""
        known = [key for key in distinct_keys(keys).tolist() if key in self._accounts]
        return np.flatnonzero(np.isin(keys, np.concatenate([np.array(known, np.uint64), hit])))

    def _count_account_requests(self, keys: Ints, ordered: Ints, hits: Ints, sketches: pa.Table) -> Ints:
        """Place of each row among its account's requests, from the first with a phrase on; -1 where it is earlier."""
        place = np.full(len(keys), -1, np.int64)
        hit = np.zeros(len(keys), bool)
        hit[hits] = True
        by_account = ordered[np.argsort(keys[ordered], kind="stable")]
        begins = np.flatnonzero(np.append(True, keys[by_account][1:] != keys[by_account][:-1]))
        for rows in np.split(by_account, begins[1:]) if len(by_account) else ():
            key = int(keys[rows[0]])
            account = self._accounts.get(key)
            if account is None:
                rows = rows[int(np.argmax(hit[rows])) :]
                account = FollowedAccount(sketches.column("account_id")[int(rows[0])].as_py())
                self._accounts[key] = account
            place[rows] = account.seen + np.arange(len(rows))
            account.seen += len(rows)
        return place
