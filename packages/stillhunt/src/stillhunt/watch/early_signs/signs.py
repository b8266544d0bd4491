"""What an early sign is, and how it is kept from hunt to hunt."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from stillhunt.base import formatting

SIGNS_FILE = "early_signs.json"
SIGNS_VERSION = 1
MOST_SIGN_BYTES = 64 << 20
SAME = 0.5
"""Share of the smaller one's accounts that two signs of one kind and model have in common to be one; as for groups."""

SignKind = Literal["new_model", "probe_and_burst", "extraction_attempts"]
Text = Annotated[str, msgspec.Meta(max_length=4096)]


class EarlySign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One early sign."""

    sign_id: Text  # lasting; "" before the first settling
    kind: SignKind
    campaign_id: Text  # of the campaign or group left alone in the snapshot; "" where it is about one account
    accounts: list[Text]
    model: Text  # which model it is about; "" where it is about none
    first_at: int
    found_at: int  # of the latest hunt that found it, microseconds since 1970
    statement: Text  # what was seen and what is usual, in one sentence


class Seen(NamedTuple):
    """A sign before it has an id and a time of finding."""

    kind: SignKind
    group: str  # id that the hunt gave the campaign or group left alone; "" where it is about one account
    accounts: Collection[str]
    model: str
    hour: int  # when it began, hours since 1970
    statement: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    signs: list[EarlySign]


def settle_signs(
    found: Sequence[EarlySign], earlier: Sequence[EarlySign], lasting: Mapping[str, str], oldest: int
) -> list[EarlySign]:
    """Signs with lasting ids: those found, then those of earlier hunts that were found since a time.

    Args:
        found: of this hunt, under the ids that it gave.
        lasting: id that the hunt gave a campaign -> lasting id.
        oldest: what was not found since then is dropped, microseconds since 1970.
    """
    left = {one.sign_id: one for one in earlier}
    settled = []
    for sign in found:
        known = next((one for one in left.values() if _is_same_sign(sign, one)), None)
        if known is not None:
            del left[known.sign_id]
        name = _hash_sign_id(sign) if known is None else known.sign_id
        first = sign.first_at if known is None else min(known.first_at, sign.first_at)
        campaign = lasting.get(sign.campaign_id, sign.campaign_id)
        settled.append(msgspec.structs.replace(sign, sign_id=name, first_at=first, campaign_id=campaign))
    taken = {one.sign_id for one in settled}
    return [*settled, *(one for name, one in left.items() if one.found_at >= oldest and name not in taken)]


def _is_same_sign(sign: EarlySign, other: EarlySign) -> bool:
    if (sign.kind, sign.model) != (other.kind, other.model):
        return False
    common = len(set(sign.accounts) & set(other.accounts))
    return common >= SAME * min(len(sign.accounts), len(other.accounts))


def _hash_sign_id(sign: EarlySign) -> str:
    what = json.dumps([sign.kind, sign.model, sign.first_at, sign.accounts]).encode()
    return hashlib.sha256(what).hexdigest()[:16]


def signs_as_json(signs: Sequence[EarlySign]) -> bytes:
    """The content of the file of a snapshot."""
    return msgspec.json.encode(_File(SIGNS_VERSION, list(signs)), order="sorted")


def read_signs(folder: Path) -> list[EarlySign]:
    """Early signs of a snapshot; none where it has no such file, or one that this version cannot read."""
    path = folder / SIGNS_FILE
    if not path.is_file():
        return []
    try:
        with path.open("rb") as file:
            content = msgspec.json.decode(file.read(MOST_SIGN_BYTES), type=_File)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return []  # the next hunt finds them again
    return content.signs if content.version == SIGNS_VERSION else []


def sign_fields(sign: EarlySign) -> dict[str, object]:
    """A sign without the ids of its accounts, as status and alerts tell it."""
    fields = {name: getattr(sign, name) for name in ("sign_id", "kind", "campaign_id", "model", "first_at", "found_at")}
    statement = formatting.escape_controls(sign.statement)
    return {**fields, "accounts": len(sign.accounts), "statement": statement}
