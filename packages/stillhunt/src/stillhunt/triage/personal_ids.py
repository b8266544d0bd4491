"""Account ids that are personal data: e-mail addresses, and the addresses of clients where a log names no account."""

from __future__ import annotations

import ipaddress

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting

_EMAIL = r"^\s*<?[^@\s<>]{1,64}@[^@\s<>]+\.[^@\s<>.]{2,63}>?\s*$"
_MAY_BE_ADDRESS = r"(?i)^[0-9a-f]{0,4}[.:][0-9a-f.:]{1,40}$"
WHAT_IT_MEANS = (
    "They stand as they are in the case, the report and exports, because the id is what you act on: handle them as "
    "personal data."
)
_KINDS = (
    ("emails", "is an e-mail address", "are e-mail addresses"),
    ("addresses", "is an IP address", "are IP addresses"),
)


def personal_ids(account_ids: pa.ChunkedArray) -> dict[str, int]:
    """How many ids are personal data: `emails` and (IP) `addresses`."""
    emails = pc.sum(pc.match_substring_regex(account_ids, _EMAIL)).as_py() or 0
    candidates = account_ids.filter(pc.match_substring_regex(account_ids, _MAY_BE_ADDRESS))
    return {"emails": int(emails), "addresses": sum(map(_is_address, candidates.to_pylist()))}


def personal_ids_note(account_ids: pa.ChunkedArray) -> str:
    """Such ids in a few words: `12 are e-mail addresses`; empty where there are none."""
    found = personal_ids(account_ids)
    kinds = [
        f"{formatting.count(found[name])} {formatting.verb(found[name], one, many)}"
        for name, one, many in _KINDS
        if found[name]
    ]
    return formatting.join_words(kinds)


def personal_ids_sentence(account_ids: pa.ChunkedArray) -> str:
    """What to say of such ids; empty where there are none."""
    note = personal_ids_note(account_ids)
    return f"Of {formatting.plural(len(account_ids), 'account id')} {note}. {WHAT_IT_MEANS}" if note else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
