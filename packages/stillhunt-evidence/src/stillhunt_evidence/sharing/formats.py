"""The formats in which a share is written, each as the bytes of its file."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from stillhunt import ConfigError
from stillhunt.plugins import SHARING, load_plugins
from stillhunt_evidence.sharing.csv_rows import shared_csv
from stillhunt_evidence.sharing.ecs_documents import ecs_documents
from stillhunt_evidence.sharing.misp_event import misp_events
from stillhunt_evidence.sharing.ocsf_events import ocsf_events
from stillhunt_evidence.sharing.shared_campaign import SharedFile
from stillhunt_evidence.sharing.stix_bundle import stix_bundle


def _encode_json_document(value: Any) -> bytes:
    """One JSON document: keys in the order in which they were given, ASCII, so that every reader shows the same."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode("ascii")


def _encode_json_lines(values: list[dict[str, Any]]) -> bytes:
    """JSON Lines: one event in each line."""
    return "".join(json.dumps(value, allow_nan=False) + "\n" for value in values).encode("ascii")


@dataclass(frozen=True)
class ShareForm:
    """A format of a share."""

    name: str  # as in `stillhunt share --format`
    # makes the bytes of the file. All of a `SharedFile` may be told; a log is not at hand.
    write: Callable[[SharedFile], bytes]


SHARE_FORMATS = (
    ShareForm("stix", lambda share: _encode_json_document(stix_bundle(share))),
    ShareForm("misp", lambda share: _encode_json_document(misp_events(share))),
    ShareForm("ocsf", lambda share: _encode_json_lines(ocsf_events(share))),
    ShareForm("ecs", lambda share: _encode_json_lines(ecs_documents(share))),
    ShareForm("csv", shared_csv),
)


@cache
def share_formats() -> dict[str, Callable[[SharedFile], bytes]]:
    """Format -> what makes a file of a share, those of plugins, too."""
    brought = load_plugins(SHARING, ShareForm, (one.name for one in SHARE_FORMATS))
    return {form.name: form.write for form in (*SHARE_FORMATS, *brought)}


def shared_bytes(share: SharedFile, name: str) -> bytes:
    """The file of a share in a format.

    Raises ConfigError: there is no such format.
    """
    if name not in share_formats():
        known = ", ".join(share_formats())
        raise ConfigError(f"no such format: {name[:40]}", where="share", next_step=f"use one of {known}")
    return share_formats()[name](share)
