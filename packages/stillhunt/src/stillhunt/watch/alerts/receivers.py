"""Receivers of alerts by name; a name shows where they go and holds no secret."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from stillhunt.base.config_alerts import AlertKind, AlertSettings

EMAIL = "email"
_SHOWN = 64
_DIGEST = 8


def webhook_name(url: str) -> str:
    """Name of a webhook: its host, and a digest of the address, which may be secret itself."""
    return f"webhook:{(urlsplit(url).hostname or '')[:_SHOWN]}:{_digest(url)}"


def file_name(path: str) -> str:
    """Name of a file of JSON lines: the end of its path, and a digest of the whole."""
    return f"file:{Path(path).name[:_SHOWN]}:{_digest(path)}"


def receivers_of(settings: AlertSettings) -> dict[str, tuple[AlertKind, ...]]:
    """Receiver -> kinds of alerts that it gets; none means all."""
    receivers = {webhook_name(one.url): one.kinds for one in settings.webhooks}
    if settings.email.host:
        receivers[EMAIL] = settings.email.kinds
    return {**receivers, **{file_name(one.path): one.kinds for one in settings.files}}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:_DIGEST]
