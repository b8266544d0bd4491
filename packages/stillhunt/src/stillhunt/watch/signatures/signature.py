"""The form of signatures in a file: `signatures.json` beside the case of a snapshot.

A signature names phrases by their hashes, and values of style by a hash; it holds no text of a log. Weights are bits.
The file says which version of the sketches its hashes are of, and by which seed the middle of long prompts was chosen:
under another version or seed, nothing would ever match.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from stillhunt.base.errors import CaseError
from stillhunt.base.formatting import UNSAFE
from stillhunt.base.wording import fill
from stillhunt.extract import SKETCH_VERSION

SIGNATURES_FILE = "signatures.json"
SIGNATURES_VERSION = 1
MOST_BYTES = 64 << 20
MOST_SIGNATURES = 1024
MICRO = 1_000_000
"""Millionths of a bit are what is added up."""
NO_REQUEST = 1e6
"""Bits that no request reaches."""
STYLE_FEATURES = ("settings", "model", "client", "tls")
"""Temperature, top_p and max_tokens together; model; User-Agent without numbers; TLS fingerprint."""
SENDER_FEATURES = ("client", "settings", "program", "tls", "network")
"""What shows who sends a request, whatever its text says: a program is client and settings together, and a network is
the /24 or /48 of the client's address."""

SENTENCES: Mapping[str, str] = tomllib.loads(resources.files(__package__).joinpath("sentences.toml").read_text("utf-8"))
"""What signatures and matches with them say of themselves, by name; figures stand in it."""


def fill_sentence(sentence: str, /, **figures: object) -> str:
    """One of these sentences with its figures."""
    return fill(SENTENCES[sentence], **figures)


CampaignId = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9._-]{1,64}\Z")]
Bits = Annotated[float, msgspec.Meta(ge=-1000.0, le=1000.0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Phrase = Annotated[int, msgspec.Meta(ge=1, le=(1 << 32) - 1)]
ValueHash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]
Measures = Annotated[list[float], msgspec.Meta(min_length=1, max_length=32)]
Sentence = Annotated[str, msgspec.Meta(max_length=500)]


class StyleWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bits of the values of one feature of style."""

    values: Annotated[dict[ValueHash, Bits], msgspec.Meta(max_length=256)]
    other: Bits  # bits of a value that the campaign did not use


class FalseMatches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a signature matched in the half of the honest traffic that had no part in making it.

    Honest are the accounts that are members of no campaign and of no group left alone. A request matches if it carries
    the template and its account is linked.
    """

    requests: Count
    matched: Count
    accounts: Count
    linked: Count  # those that would be linked
    # accounts of no group, in both halves, that show as much as the campaign's members. They are taken for members that
    # the hunt missed, and counted neither as honest nor here.
    set_aside: Count
    set_aside_matched: Count  # requests of theirs that matched
    per_million: Annotated[float, msgspec.Meta(ge=0.0, le=1e6)]  # matched requests in a million
    # the upper 95 % bound of that rate, exact for independent requests
    at_most_per_million: Annotated[float, msgspec.Meta(ge=0.0, le=1e6)]


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What tells the next accounts of one campaign."""

    campaign_id: CampaignId
    # made_at, expires_at, last_seen: microseconds since 1970; the last is that of the campaign's latest harvest
    made_at: Count
    expires_at: Count
    last_seen: Count
    # hashes of phrases, ascending, each once
    phrases: Annotated[list[Phrase], msgspec.Meta(min_length=1, max_length=4096)]
    phrase_bits: list[Annotated[float, msgspec.Meta(gt=0.0, le=100.0)]]
    style: Annotated[dict[str, StyleWeights], msgspec.Meta(max_length=len(STYLE_FEATURES))]
    # bits of topic-word buckets, by bucket: what its queue is about; see `returns`
    topics: Annotated[
        dict[Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,5}\Z")], Bits], msgspec.Meta(max_length=4096)
    ]
    account_bits: Annotated[float, msgspec.Meta(gt=0.0, le=1e6)]
    # mean bits of the phrases of one harvested request of the campaign; see `returns`
    harvest_bits: Annotated[float, msgspec.Meta(gt=0.0, le=1e6)]
    false_matches: FalseMatches
    reasons: Annotated[list[Sentence], msgspec.Meta(max_length=20)]
    # bits of the phrases of one request that tell the campaign by themselves; NO_REQUEST where none do
    request_bits: Annotated[float, msgspec.Meta(gt=0.0, le=1e6)] = NO_REQUEST
    # feature of a sender -> hash of each telling value -> its bits; see `weighing`
    senders: Annotated[
        dict[str, Annotated[dict[ValueHash, Bits], msgspec.Meta(max_length=256)]],
        msgspec.Meta(max_length=len(SENDER_FEATURES)),
    ] = {}


class QueueProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What tells accounts that go on with a campaign's work queue, whatever its template; see `queues`."""

    campaign_id: CampaignId
    # expires_at, last_seen: as of `Signature`
    expires_at: Count
    last_seen: Count
    # bits of topic-word buckets; 0 for those of the template
    words: Annotated[dict[Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,5}\Z")], Bits], msgspec.Meta(max_length=2048)]
    # distinct words of the queue in so many requests about it, from none to `FIRST_REQUESTS`
    expected: Annotated[list[float], msgspec.Meta(min_length=51, max_length=51)]
    model: ValueHash  # hash of the model that the campaign asks most
    # centre, scale: mean and deviation of each measure of an account
    centre: Measures
    scale: Measures
    # for each measure, then for their squares, then the constant
    weights: Annotated[list[float], msgspec.Meta(min_length=1, max_length=64)]
    # tail_start, tail_mean, tail_share: of the weighed bits of honest accounts, as `queues` uses them
    tail_start: Bits
    tail_mean: Annotated[float, msgspec.Meta(gt=0.0, le=1e3)]
    tail_share: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]
    reasons: Annotated[list[Sentence], msgspec.Meta(max_length=5)]


class Unsigned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A campaign to act on without a signature."""

    campaign_id: CampaignId
    reason: Sentence
    withdraws: bool  # whether an earlier signature of it must go too, because honest traffic matches it


class SignatureSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All signatures and queues of one snapshot, one for each campaign that has one."""

    version: int
    sketch_version: int
    seed: int  # by which the middle of long prompts was chosen, as in the settings
    signatures: Annotated[list[Signature], msgspec.Meta(max_length=MOST_SIGNATURES)]
    without: Annotated[list[Unsigned], msgspec.Meta(max_length=100_000)]
    queues: Annotated[list[QueueProfile], msgspec.Meta(max_length=MOST_SIGNATURES)] = []

    def in_force(self, now: int) -> SignatureSet:
        """Those that have not expired."""
        signatures = [one for one in self.signatures if one.expires_at > now]
        queues = [one for one in self.queues if one.expires_at > now]
        return msgspec.structs.replace(self, signatures=signatures, queues=queues)

    def renamed(self, lasting: Mapping[str, str]) -> SignatureSet:
        """The same under other campaign ids."""
        return msgspec.structs.replace(
            self,
            signatures=[_apply_lasting_id(one, lasting) for one in self.signatures],
            without=[_apply_lasting_id(one, lasting) for one in self.without],
            queues=[_apply_lasting_id(one, lasting) for one in self.queues],
        )

    def with_earlier(self, earlier: SignatureSet) -> SignatureSet:
        """These, and those of the snapshot before that are still in force: a banned campaign leaves the window.

        `earlier`: signatures of the snapshot before that are in force, under lasting ids, as these are.
        """
        newer = {one.campaign_id for one in self.signatures}
        newer |= {one.campaign_id for one in self.without if one.withdraws}
        kept = [one for one in earlier.signatures if one.campaign_id not in newer]
        kept = sorted(kept, key=lambda one: (-one.last_seen, one.campaign_id))
        found = {one.campaign_id for one in self.queues}
        queues = [one for one in earlier.queues if one.campaign_id not in found]
        queues = sorted(queues, key=lambda one: (-one.last_seen, one.campaign_id))
        signatures, queues = [*self.signatures, *kept], [*self.queues, *queues]
        bounded = {"signatures": signatures[:MOST_SIGNATURES], "queues": queues[:MOST_SIGNATURES]}
        return msgspec.structs.replace(self, **bounded)


Named = TypeVar("Named", Signature, Unsigned, QueueProfile)


def _apply_lasting_id(one: Named, lasting: Mapping[str, str]) -> Named:
    return msgspec.structs.replace(one, campaign_id=lasting.get(one.campaign_id, one.campaign_id))


def no_signatures(seed: int) -> SignatureSet:
    """A set without any, for settings of this seed."""
    return SignatureSet(SIGNATURES_VERSION, SKETCH_VERSION, seed, [], [])


def as_json(signatures: SignatureSet) -> bytes:
    """The content of a signature file."""
    return msgspec.json.encode(signatures, order="sorted")


def from_json(content: bytes, *, seed: int, where: str = SIGNATURES_FILE) -> SignatureSet:
    """Signatures from the content of a file, which is not trusted.

    `content`: at most `MOST_BYTES`. Raises CaseError: it is damaged, too large, of another version or seed, or holds
    what no signature may hold.
    """
    if len(content) > MOST_BYTES:
        raise _make_signature_file_error(f"it has more than {MOST_BYTES >> 20} MiB", where)
    try:
        found = msgspec.json.decode(content, type=SignatureSet)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _make_signature_file_error(UNSAFE.sub("?", str(error))[:300], where) from error
    if (found.version, found.sketch_version) != (SIGNATURES_VERSION, SKETCH_VERSION):
        raise _make_signature_file_error("it was made by another version of stillhunt", where)
    if found.seed != seed:
        raise _make_signature_file_error("it was made under another seed", where)
    for signature in found.signatures:
        fault = _find_signature_fault(signature)
        if fault:
            raise _make_signature_file_error(f"signature {signature.campaign_id}: {fault}", where)
    for names in ([one.campaign_id for one in found.signatures], [one.campaign_id for one in found.queues]):
        if len(set(names)) < len(names):
            raise _make_signature_file_error("a campaign has two signatures", where)
    if any(not _is_profile_whole(one) for one in found.queues):
        raise _make_signature_file_error("a profile of a queue has too few or impossible numbers", where)
    if any(UNSAFE.search(one.reason) for one in found.without):
        raise _make_signature_file_error("a reason has control characters", where)
    return found


def read_signatures(path: Path, *, seed: int) -> SignatureSet:
    """Signatures of a snapshot; a CaseError as of `from_json`, or if the file cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _make_signature_file_error(error.strerror or "it cannot be read", str(path)) from error
    return from_json(content, seed=seed, where=str(path))


def _find_signature_fault(signature: Signature) -> str:
    """What a well-formed signature has that none may have; empty where nothing."""
    phrases = signature.phrases
    if len(phrases) != len(signature.phrase_bits):
        return "each phrase needs one weight"
    if any(phrases[i] >= phrases[i + 1] for i in range(len(phrases) - 1)):
        return "phrases must ascend"
    if set(signature.style) - set(STYLE_FEATURES):
        return "unknown feature of style"
    if set(signature.senders) - set(SENDER_FEATURES):
        return "unknown feature of a sender"
    if any(UNSAFE.search(reason) for reason in signature.reasons):
        return "a reason has control characters"
    return ""


def _is_profile_whole(profile: QueueProfile) -> bool:
    size = len(profile.centre)
    numbers = [*profile.centre, *profile.scale, *profile.weights, *profile.expected]
    fits = len(profile.scale) == size and len(profile.weights) == 2 * size + 1 and min(profile.scale) > 0.0
    return fits and all(map(math.isfinite, numbers)) and not any(UNSAFE.search(one) for one in profile.reasons)


def _make_signature_file_error(what: str, where: str) -> CaseError:
    step = "wait for the next hunt, or start one"
    return CaseError(f"the signature file cannot be used: {what}", where=where, next_step=step)
