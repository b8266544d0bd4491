"""Decisions as a bundle of data for Open Policy Agent."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime

from stillhunt.decide.actions import REASON_TEXTS
from stillhunt.decide.table import InForce

BUNDLE_TYPE = "application/gzip"
ROOT = "stillhunt"
"""Where the data lies in OPA: `data.stillhunt.decisions`."""


def bundle_of(counting: Mapping[str, InForce]) -> tuple[str, bytes]:
    """A bundle of the decisions that count now, and its revision: equal bytes for equal decisions.

    It has the end of each decision, since OPA goes on with what it has where it cannot reach the server; a rule should
    compare it with the time.

    Args:
        counting: account -> the decision about it.
    """
    decisions = {account: _content(counting[account]) for account in sorted(counting)}
    data = json.dumps({"decisions": decisions}, separators=(",", ":")).encode()
    revision = hashlib.sha256(data).hexdigest()[:32]
    manifest = json.dumps({"revision": revision, "roots": [ROOT]}).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in ((".manifest", manifest), (f"{ROOT}/data.json", data)):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return revision, gzip.compress(packed.getvalue(), mtime=0)


def _content(entry: InForce) -> dict[str, str | int]:
    return {
        "action": entry.action,
        "reason": entry.reason,
        "message": REASON_TEXTS[entry.reason],
        "decision": entry.seq,
        "expires_at": datetime.fromtimestamp(entry.expires_at / 1e6, UTC).isoformat().replace("+00:00", "Z"),
    }
