"""The formats in which a share is written, each as the bytes of its file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from stillhunt_evidence.sharing.csv_rows import shared_csv
from stillhunt_evidence.sharing.ecs_documents import ecs_documents
from stillhunt_evidence.sharing.misp_event import misp_events
from stillhunt_evidence.sharing.ocsf_events import ocsf_events
from stillhunt_evidence.sharing.shared_campaign import SharedFile
from stillhunt_evidence.sharing.stix_bundle import stix_bundle


def _document(value: Any) -> bytes:
    """One JSON document: keys in the order in which they were given, ASCII, so that every reader shows the same."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode("ascii")


def _lines(values: list[dict[str, Any]]) -> bytes:
    """JSON Lines: one event in each line."""
    return "".join(json.dumps(value, allow_nan=False) + "\n" for value in values).encode("ascii")


SHARE_FORMATS: dict[str, Callable[[SharedFile], bytes]] = {
    "stix": lambda share: _document(stix_bundle(share)),
    "misp": lambda share: _document(misp_events(share)),
    "ocsf": lambda share: _lines(ocsf_events(share)),
    "ecs": lambda share: _lines(ecs_documents(share)),
    "csv": shared_csv,
}
"""Format -> what makes a file of a share."""
