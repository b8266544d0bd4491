"""One request matched with signatures while its gateway waits.

It is weighed as `matcher` weighs sketches, by the same kernels and with the same weights, and what its account has
shown is kept in the same form. Most requests have no phrase of any signature and cost the reading of their texts only.

Memory is bounded as in `matcher`: only accounts with a phrase of a signature are followed, and only so many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from stillhunt.base.config import CollectSettings
from stillhunt.base.wording import fill
from stillhunt.extract import PhraseReader
from stillhunt.watch.signatures.asked_texts import as_read, valid
from stillhunt.watch.signatures.inline_tables import PhraseTable, Settings, known_senders, known_style, style_bits
from stillhunt.watch.signatures.matcher import (
    REQUEST_BITS,
    SENDER_BITS,
    FollowedAccount,
    LinkedAccount,
    links_of,
    without_least,
)
from stillhunt.watch.signatures.parameters import FIRST_REQUESTS, MOST_FOLLOWED_ACCOUNTS
from stillhunt.watch.signatures.senders import known_sender_bits
from stillhunt.watch.signatures.signature import MICRO, Signature
from stillhunt.watch.signatures.weighing import WeighedMatch

_MOST_TEXT_BYTES = CollectSettings().max_text_bytes


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """A request that waits at a gateway.

    Attributes:
        account_id: as logs name the account. It is kept as it is: whoever takes it from a header bounds its length.
        prompt, system_prompt: as the readers of logs would make them; see `asked_texts.texts_of_messages`.
        now: microseconds since 1970.
        model, user_agent: as the client sent them; None where the gateway does not tell.
        settings: temperature, top_p and max_tokens, as readers take them from a body; None where the gateway does not
            tell.
        conversation: key of the conversation; without one, each request is its own.
    """

    account_id: str
    prompt: str
    system_prompt: str
    now: int
    model: str | None = None
    user_agent: str | None = None
    settings: Settings | None = None
    conversation: str | None = None


@dataclass(frozen=True, slots=True)
class InlineMatch:
    """What a request shows of one signature.

    Attributes:
        bits: of this request's phrases and style.
        account_bits: bits that the signature asks of an account.
        carries: whether the request carries the campaign's template.
        shows_alone: whether this one request tells the campaign by itself; see `Signature.request_bits`.
        linked: whether the account is linked to the campaign, by this request or an earlier one.
        same_sender: whether who sends this request is like the campaign, as far as the gateway tells; see `senders`.
    """

    campaign_id: str
    bits: float
    account_bits: float
    carries: bool
    shows_alone: bool
    linked: bool
    same_sender: bool
    _why: Callable[[], tuple[str, ...]] = field(repr=False, compare=False)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Plain sentences, as the account stands when they are read: to write them takes as long as to match."""
        return self._why()


class _Weighed(NamedTuple):
    """One request under one signature; bits in millionths, those of style among them."""

    number: int
    links: bool
    linked: bool
    alone: bool
    carries: bool
    bits: int
    style: int
    phrases: int
    sent: bool


_MOST_TELLING = attrgetter("links", "linked", "alone", "carries", "bits")
"""By which one of several signatures is chosen; the first of equals."""


class InlineMatcher:
    """Matches requests with signatures, one at a time.

    For one thread, such as that of an event loop: memory is used again for each request. A new set of signatures needs
    a new matcher, which knows of no account yet, as the follower of the spool does.

    Args:
        signatures: those in force; see `SignatureSet.in_force`.
        seed: as `Config.seed`, under which the signatures were made.
        most_accounts: accounts that are followed at a time.
        most_text_bytes: as `collect.max_text_bytes`, so that long texts are read as logs keep them.
    """

    def __init__(
        self,
        signatures: Sequence[Signature],
        seed: int,
        *,
        most_accounts: int = MOST_FOLLOWED_ACCOUNTS,
        most_text_bytes: int = _MOST_TEXT_BYTES,
    ) -> None:
        self._signatures = list(signatures)
        self._bars = [round(one.account_bits * MICRO) for one in self._signatures]
        self._alone = [round(one.request_bits * MICRO) for one in self._signatures]
        self._phrases, self._reader = PhraseTable(self._signatures), PhraseReader(seed)
        self._seed, self._most, self._most_bytes = seed, most_accounts, most_text_bytes
        self._accounts: dict[str, FollowedAccount] = {}
        self.requests = 0
        self.forgotten = 0

    def match(self, asked: AskedRequest) -> InlineMatch | None:
        """Take the next request.

        It misleads where a client sends its history as one text: a hunt cuts from a prompt what earlier calls had, and
        this does not.

        Returns:
            What it shows of the signature of which it shows most, those that it links its account to before others;
            None where it neither carries a template nor shows a phrase of a campaign that its account is linked to.
            Of a linked account, requests without any phrase are None too.
        """
        self.requests += 1
        if not self._signatures:
            return None
        texts = (as_read(text, self._most_bytes, self._seed) for text in (asked.prompt, asked.system_prompt))
        phrases, prompt_hash = self._reader.read(*texts)
        entries = self._phrases.find(phrases)
        account = self._accounts.get(asked.account_id)
        if account is None:
            if not entries:
                return None
            account = self._accounts[asked.account_id] = FollowedAccount(asked.account_id)
        account.seen += 1
        if not entries:
            return None
        most = max(self._weigh(account, asked, prompt_hash, entries), key=_MOST_TELLING)
        found = self._match(account, most) if most.linked or most.carries else None
        if len(self._accounts) > self._most:
            self._forget()
        return found

    def linked(self) -> list[LinkedAccount]:
        """All accounts that are linked and not forgotten; as `Matcher.linked`."""
        return links_of(self._accounts.values(), self._signatures)

    def links_of(self, account_id: str) -> list[LinkedAccount]:
        """Links of one account; none where it is not followed any more.

        Args:
            account_id: as logs name the account.
        """
        account = self._accounts.get(account_id)
        return links_of([account], self._signatures) if account is not None else []

    def _weigh(
        self,
        account: FollowedAccount,
        asked: AskedRequest,
        prompt_hash: int,
        entries: list[tuple[int, dict[int, int]]],
    ) -> list[_Weighed]:
        """The request under each signature of which it has a phrase; its account remembers what it shows."""
        request = asked.now, self._conversation(asked.conversation), prompt_hash
        style = known_style(asked.model, asked.user_agent, asked.settings)
        senders = known_senders(style)
        counts = account.seen <= FIRST_REQUESTS
        found = []
        for number, phrases in entries:
            signature, bits = self._signatures[number], sum(phrases.values())
            own, sender = style_bits(signature, style), known_sender_bits(signature, senders)
            links = counts and account.show(
                number, WeighedMatch(bits, own, sender, phrases), request, self._bars[number]
            )
            linked, carries, both = number in account.linked, bits >= REQUEST_BITS, bits + own
            alone, sent = bits >= self._alone[number], sender >= SENDER_BITS
            found.append(_Weighed(number, links, linked, alone, carries, both, own, len(phrases), sent))
        return found

    def _conversation(self, key: str | None) -> int:
        """Number of a conversation; one of its own for a request without."""
        if not key:
            return -1 - self.requests
        return int.from_bytes(hashlib.blake2b(valid(key).encode(), digest_size=8).digest(), "big")

    def _match(self, account: FollowedAccount, shown: _Weighed) -> InlineMatch:
        signature = self._signatures[shown.number]
        return InlineMatch(
            campaign_id=signature.campaign_id,
            bits=round(shown.bits / MICRO, 3),
            account_bits=signature.account_bits,
            carries=shown.carries,
            shows_alone=shown.alone,
            linked=shown.linked,
            same_sender=shown.sent,
            _why=partial(_reasons, account, shown, signature),
        )

    def _forget(self) -> None:
        kept = without_least(self._accounts, self._most)
        self.forgotten += len(self._accounts) - len(kept)
        self._accounts = kept


def _reasons(account: FollowedAccount, shown: _Weighed, signature: Signature) -> tuple[str, ...]:
    own = (
        fill(
            "This request shows {part:#} of the {all:phrase} of campaign {name} that are rare elsewhere: "
            "{bits:.1f} bits; an account needs {bar:.1f}",
            part=shown.phrases,
            all=len(signature.phrases),
            name=signature.campaign_id,
            bits=(shown.bits - shown.style) / MICRO,
            bar=signature.account_bits,
        ),
        fill("What is known of its settings, model and client gives {bits} bits", bits=f"{shown.style / MICRO:+.1f}"),
    )
    return (*account.link(shown.number, signature).reasons, *own) if shown.linked else own
