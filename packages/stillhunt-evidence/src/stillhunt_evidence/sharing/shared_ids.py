"""Ids of what is shared: the same for the same thing, and unrelated in two circles.

They have the form of random UUIDs (RFC 9562, version 4), as STIX asks of its objects, and their bits come from
HMAC-SHA256 under the sharer's own key: two sharers never give one id to different campaigns, nobody can find out by
trying which accounts made a campaign's id, and those who share in two circles cannot be recognised by ids.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass

_UUID_BYTES = 16
_PUBLIC_KEY = b"stillhunt sharing: ids of what everybody shares"


@dataclass(frozen=True, repr=False)
class ShareIds:
    """Makes ids of one sharer in one circle."""

    key: bytes
    circle: str

    def uuid(self, kind: str, *parts: str) -> str:
        """The id of a thing.

        Args:
            kind: what it is, such as campaign: equal parts of two kinds have unrelated ids.
        """
        return _uuid(self.key, ["circle", self.circle, kind, *parts])


def public_uuid(kind: str, *parts: str) -> str:
    """The id of a thing that is the same for all sharers, such as a technique of MITRE ATLAS."""
    return _uuid(_PUBLIC_KEY, [kind, *parts])


def _uuid(key: bytes, parts: list[str]) -> str:
    digest = hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).digest()
    return str(uuid.UUID(bytes=digest[:_UUID_BYTES], version=4))
