"""Settings of what leaves the machine: evidence packs and files to share."""

from __future__ import annotations

from pydantic import Field

from stillhunt.base.config_group import SettingsGroup


class DossierSettings(SettingsGroup):
    """Evidence packs and files to share."""

    keys: str = Field(
        "",
        max_length=4096,
        description="Folder with the signing key, the key of pseudonyms, keys of sharing circles and the public keys "
        "that are trusted; for its owner alone. Empty: stillhunt/keys in the user's data folder (XDG_DATA_HOME or "
        "~/.local/share).",
    )
    excerpt_chars: int = Field(
        120,
        ge=40,
        le=2000,
        description="Maximum number of characters of one excerpt in an evidence pack: enough to recognise a template, "
        "too few to read a request.",
    )
    pack_days: float = Field(
        400.0,
        gt=0,
        le=36_500,
        description="Days after which evidence packs in the data folder are deleted, but for a legal hold.",
    )
