"""One request matched with signatures while its gateway waits.

It is weighed as `matcher` weighs sketches, by the same kernels and with the same weights, and what its account has
shown is kept in the same form. Most requests have no phrase of any signature and cost the reading of their texts only.

Memory is bounded as in `matcher`: only accounts with a phrase of a signature are followed, and only so many.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import GOLDEN_RATIO
from stillhunt.base.config import CollectSettings
from stillhunt.base.ids import visible_id
from stillhunt.logs import PhraseReader
from stillhunt.watch.signatures.matcher import (
    REQUEST_BITS,
    SENDER_BITS,
    FollowedAccount,
    FollowedAccounts,
    LinkedAccount,
    links_of,
)
from stillhunt.watch.signatures.parameters import FIRST_REQUESTS, MOST_FOLLOWED_ACCOUNTS, SIGNATURES
from stillhunt.watch.signatures.signature import MICRO, SENDER_FEATURES, Signature, fill_sentence
from stillhunt.watch.signatures.weighing import (
    PhraseTable,
    WeighedMatch,
    hash_text,
    known_sender_bits,
    mixed,
    program_hash,
)
from stillhunt_server.enforcing.asked_texts import as_read, valid

Settings = tuple[float | None, ...]
"""Temperature, top_p and max_tokens that a client sent; None where it sent none."""
KnownStyle = tuple[tuple[str, str], ...]
"""Feature of style and hash of its value, as signature files write them, for the features that are known."""
_READ_CHARACTERS = 256
_NUMBERS = re.compile(r"[0-9][0-9.]*")
"""As in `weighing`: how much of a model or User-Agent is read, and what goes from a User-Agent."""
_CACHED_STYLES = 4096
_LEAST, _MOST = (round(bound * MICRO) for bound in SIGNATURES.all_style_bits)


def style_bits(signature: Signature, known: KnownStyle) -> int:
    """Bits of what is known of a request's style, in millionths.

    A feature that the gateway does not pass on gives no bits: it is missing for everybody, so its absence is as
    frequent in a campaign as elsewhere. In a log, a missing value is a value like others, which says what a client did
    not send; to count it as "other" here would hold up to 3 bits a feature against every account. What honest accounts
    gain is the bits that style would have cost them: at most 8 (`all_style_bits`), of the 60 or more that are needed.
    """
    total = 0
    for feature, value in known:
        weights = signature.style.get(feature)
        if weights is not None and weights.values:
            total += round(weights.values.get(value, weights.other) * MICRO)
    return min(max(total, _LEAST), _MOST)


def known_style(model: str | None, user_agent: str | None, settings: Settings | None) -> KnownStyle:
    """Hashes of the features of style that are known of a request, as `style_hashes` makes them of a log.

    Args:
        model: as the client names it; None or empty where it is not known.
    """
    return _known_style((model or "")[:_READ_CHARACTERS], (user_agent or "")[:_READ_CHARACTERS], settings)


@lru_cache(_CACHED_STYLES)
def _known_style(model: str, user_agent: str, settings: Settings | None) -> KnownStyle:
    # `style_hashes` works on columns and takes half a millisecond for one row; a test holds the two together.
    found = []
    if settings is not None:
        found.append(("settings", hash_text(_settings_hash(settings))))
    if model:
        found.append(("model", _value_hash("model", visible_id(valid(model))[:_READ_CHARACTERS])))
    if user_agent:
        agent = visible_id(valid(user_agent))[:_READ_CHARACTERS]
        found.append(("client", _value_hash("client", _NUMBERS.sub("#", agent))))
    return tuple(found)


@lru_cache(_CACHED_STYLES)
def known_senders(style: KnownStyle) -> KnownStyle:
    """Feature and hash of what is known of a request's sender, as `weighing.sender_hashes` makes them of a log.

    A gateway tells neither the network nor the TLS fingerprint.
    """
    known = {name: value for name, value in style if name in SENDER_FEATURES}
    if {"client", "settings"} <= known.keys():
        client, settings = (np.array([int(known[name], 16)], np.uint64) for name in ("client", "settings"))
        known["program"] = hash_text(program_hash(client, settings)[0])
    return tuple(known.items())


def _value_hash(feature: str, value: str) -> str:
    return hashlib.blake2b(f"{feature}:{value}".encode(), digest_size=8).hexdigest()


def _settings_hash(settings: Settings) -> int:
    result = np.zeros(1, np.uint64)
    for value in settings:
        own = GOLDEN_RATIO if value is None else np.array([value + 0.0], np.float64).view(np.uint64)
        result = mixed(result * np.uint64(3) + own)
    return int(result[0])


_MOST_TEXT_BYTES = CollectSettings().max_text_bytes


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """A request that waits at a gateway."""

    account_id: str  # as logs name the account. It is kept as it is: whoever takes it from a header bounds its length
    # prompt, system_prompt: as the readers of logs would make them; see `asked_texts.texts_of_messages`
    prompt: str
    system_prompt: str
    now: int
    # model, user_agent: as the client sent them; None where the gateway does not tell
    model: str | None = None
    user_agent: str | None = None
    # temperature, top_p and max_tokens, as readers take them from a body; None where the gateway does not tell
    settings: Settings | None = None
    conversation: str | None = None  # key of the conversation; without one, each request is its own


@dataclass(frozen=True, slots=True)
class InlineMatch:
    """What a request shows of one signature."""

    campaign_id: str
    bits: float  # of this request's phrases and style
    account_bits: float  # bits that the signature asks of an account
    carries: bool  # whether the request carries the campaign's template
    shows_alone: bool  # whether this one request tells the campaign by itself; see `Signature.request_bits`
    linked: bool  # whether the account is linked to the campaign, by this request or an earlier one
    # whether who sends this request is like the campaign, as far as the gateway tells; see `weighing`
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


class InlineMatcher(FollowedAccounts[str]):
    """Matches requests with signatures, one at a time.

    For one thread, such as that of an event loop: memory is used again for each request. A new set of signatures needs
    a new matcher, which knows of no account yet, as the follower of the spool does.

    Args:
        seed: as `Config.seed`, under which the signatures were made.
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
        super().__init__(signatures, most_accounts)
        self._alone = [round(one.request_bits * MICRO) for one in self._signatures]
        self._phrases, self._reader = PhraseTable(self._signatures), PhraseReader(seed)
        self._seed, self._most_bytes = seed, most_text_bytes

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
        most = max(self._weigh_asked_request(account, asked, prompt_hash, entries), key=_MOST_TELLING)
        found = self._build_inline_match(account, most) if most.linked or most.carries else None
        self._forget_beyond()
        return found

    def links_of(self, account_id: str) -> list[LinkedAccount]:
        """Links of one account; none where it is not followed any more."""
        account = self._accounts.get(account_id)
        return links_of([account], self._signatures) if account is not None else []

    def _weigh_asked_request(
        self,
        account: FollowedAccount,
        asked: AskedRequest,
        prompt_hash: int,
        entries: list[tuple[int, dict[int, int]]],
    ) -> list[_Weighed]:
        """The request under each signature of which it has a phrase; its account remembers what it shows."""
        request = asked.now, self._number_conversation(asked.conversation), prompt_hash
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

    def _number_conversation(self, key: str | None) -> int:
        """Number of a conversation; one of its own for a request without."""
        if not key:
            return -1 - self.requests
        return int.from_bytes(hashlib.blake2b(valid(key).encode(), digest_size=8).digest(), "big")

    def _build_inline_match(self, account: FollowedAccount, shown: _Weighed) -> InlineMatch:
        signature = self._signatures[shown.number]
        return InlineMatch(
            campaign_id=signature.campaign_id,
            bits=round(shown.bits / MICRO, 3),
            account_bits=signature.account_bits,
            carries=shown.carries,
            shows_alone=shown.alone,
            linked=shown.linked,
            same_sender=shown.sent,
            _why=partial(_list_match_reasons, account, shown, signature),
        )


def _list_match_reasons(account: FollowedAccount, shown: _Weighed, signature: Signature) -> tuple[str, ...]:
    bits, bar, all_phrases = (shown.bits - shown.style) / MICRO, signature.account_bits, len(signature.phrases)
    own = (
        fill_sentence(
            "request_phrases", part=shown.phrases, all=all_phrases, name=signature.campaign_id, bits=bits, bar=bar
        ),
        fill_sentence("request_style", bits=f"{shown.style / MICRO:+.1f}"),
    )
    return (*account.link(shown.number, signature).reasons, *own) if shown.linked else own
