"""The core finds the packs that name an account by the pseudonym that evidence gives it."""

from __future__ import annotations

from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.watch.subject.packs import names_in_packs
from stillhunt_evidence.keys.folder import pseudonyms_key
from stillhunt_evidence.packs.contents import Pseudonyms


def test_the_core_knows_the_pseudonym_of_an_account(tmp_path: Path) -> None:
    config = Config.load({"dossier": {"keys": str(tmp_path)}})
    assert names_in_packs(config, "acct-1") is None
    key = pseudonyms_key(tmp_path)
    assert names_in_packs(config, "acct-\udc80") == (
        "acct-\udc80",
        Pseudonyms(key).one("account", "acct-\udc80"),
    )
