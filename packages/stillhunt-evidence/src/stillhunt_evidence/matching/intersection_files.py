"""The files of private set intersection: what is sent, kept secret and sent back; none is trusted when read."""

import binascii
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from stillhunt import PackError
from stillhunt.logs import SKETCH_VERSION
from stillhunt.tools import UNSAFE
from stillhunt_evidence.matching.features import MOST_FEATURES, MOST_HALF_BITS
from stillhunt_evidence.matching.parameters import MOST_ASKED_FEATURES

INTERSECTION_VERSION = 1
MOST_MESSAGE_BYTES = 64 << 20
MOST_ANSWERED = 1_000
"""Campaigns in one answer."""
POINT_BYTES = 33
"""A point of the curve P-256 in compressed form: 2 or 3, and 32 bytes."""
_MOST_POINTS = 8_192
_MOST_POINTS_BYTES = POINT_BYTES * _MOST_POINTS

Exchange = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Points = Annotated[bytes, msgspec.Meta(max_length=_MOST_POINTS_BYTES)]
Halves = Annotated[int, msgspec.Meta(ge=0, le=MOST_HALF_BITS)]
Name = Annotated[str, msgspec.Meta(max_length=64)]
Value = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all files of one exchange have."""

    version: int
    sketch_version: int
    seed: int
    exchange: Exchange  # a random number by which the files of one exchange are known
    counts_only: bool  # the asking side learns how many features both have, and not which


class MatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="stillhunt match request"):
    """What the asking side sends: its features, encrypted under a key that it keeps."""

    header: Header
    # phrase, word: encrypted features, 33 bytes each, in random order
    phrase: Points
    word: Points


class AnsweredSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of features of one campaign of the answering side."""

    own: Points  # its features, encrypted under a key that it has forgotten
    asked: Points  # the features that were asked for, encrypted under that key, too


class AnsweredCampaign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One campaign of the answering side, without a name."""

    phrase: AnsweredSet
    word: AnsweredSet


class MatchResponse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="stillhunt match response"):
    """What the answering side sends back."""

    header: Header
    campaigns: Annotated[list[AnsweredCampaign], msgspec.Meta(max_length=MOST_ANSWERED)]


class AskedCampaign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A campaign of the asking side: (hash, share, bits) of its features by kind."""

    campaign_id: Name
    phrase: Annotated[list[tuple[Value, Halves, Halves]], msgspec.Meta(max_length=MOST_FEATURES)]
    word: Annotated[list[tuple[Value, Halves, Halves]], msgspec.Meta(max_length=MOST_FEATURES)]


class MatchSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="stillhunt match secret"):
    """What the asking side keeps until the response is there, and shows nobody."""

    header: Header
    key: Annotated[bytes, msgspec.Meta(min_length=1, max_length=64)]
    # phrase, word: features in the order in which they were sent
    phrase: Annotated[list[Value], msgspec.Meta(max_length=_MOST_POINTS)]
    word: Annotated[list[Value], msgspec.Meta(max_length=_MOST_POINTS)]
    campaigns: list[AskedCampaign]


Message = TypeVar("Message", MatchRequest, MatchResponse, MatchSecret)


def as_message(message: MatchRequest | MatchResponse | MatchSecret) -> bytes:
    """The content of a file."""
    return msgspec.json.encode(message, order="sorted") + b"\n"


def read_message(path: Path, kind: type[Message]) -> Message:
    """A message from a file, which is not trusted.

    Raises PackError: as `message_from_json`, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_MESSAGE_BYTES + 1)
    except OSError as error:
        raise unusable_message(error.strerror or "it cannot be read", str(path)) from error
    return message_from_json(content, kind, where=str(path))


def message_from_json(content: bytes, kind: type[Message], *, where: str) -> Message:
    """A message from the content of a file, which is not trusted.

    `content`: at most `MOST_MESSAGE_BYTES`. Raises PackError: it is damaged, too large, another message, of another
    version, or asks for too much.
    """
    if len(content) > MOST_MESSAGE_BYTES:
        raise unusable_message(f"it has more than {MOST_MESSAGE_BYTES >> 20} MiB", where)
    try:
        found = msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, binascii.Error) as error:
        raise unusable_message(UNSAFE.sub("?", str(error))[:300], where) from error
    if (found.header.version, found.header.sketch_version) != (INTERSECTION_VERSION, SKETCH_VERSION):
        raise unusable_message("it was made by another version of stillhunt", where)
    if isinstance(found, MatchRequest):
        for one in (found.phrase, found.word):
            if len(points_of(one, where)) > MOST_ASKED_FEATURES:
                raise unusable_message(
                    f"it asks for more than {MOST_ASKED_FEATURES:,} features of one kind",
                    where,
                    "ask for fewer campaigns",
                )
    return found


def points_of(joined: bytes, where: str) -> list[bytes]:
    """The encrypted features of a message, each of the right form and each once."""
    points = [joined[at : at + POINT_BYTES] for at in range(0, len(joined), POINT_BYTES)]
    if any(len(one) != POINT_BYTES or one[0] not in (2, 3) for one in points):
        raise unusable_message("an encrypted feature is no point of the curve", where)
    if len(set(points)) < len(points):
        raise unusable_message("an encrypted feature is there twice", where)
    return points


def unusable_message(what: str, where: str, next_step: str = "ask who made it for a new one") -> PackError:
    """The error for a message that is refused."""
    return PackError(f"the file of the exchange cannot be used: {what}", where=where, next_step=next_step)
