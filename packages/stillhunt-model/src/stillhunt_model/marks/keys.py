"""Keys of the standing mark: one secret, from which the public key and the keys of all groups of accounts follow.

Whoever has the public key learns nothing about the others: each is a hash under the secret.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stillhunt import ConfigError
from stillhunt.case import Case
from stillhunt.tools import write_whole
from stillhunt_evidence.keys.folder import KEY_BYTES, PSEUDONYMS_FILE, pseudonyms_key, read_secret, write_new
from stillhunt_model.marks.hashing import MARK_KEY_BYTES, mark_key
from stillhunt_model.marks.standing import Layer
from stillhunt_model.orders.order import account_name

SECRET_FILE = Path("marks") / "standing.key"
"""In the folder of keys."""
GROUPS_FILE = "mark_groups.json"
"""In the folder of models: which account belongs to which group, by keyed hashes."""
OTHER_ACCOUNTS = "others"
"""The group of all accounts that no case has in a campaign."""
PUBLIC_LAYER = Layer(width=4, rounds=4)
GROUP_LAYER = Layer(width=1, rounds=4)
"""One token of context, since a student inherits what comes back; four for the public key, since phrases of people come
back, too (measured: benchmarks/model/standing_marks.py)."""
_VERSION = 1
_LARGEST_FILE = 1 << 28


@dataclass(frozen=True)
class PublicMark:
    """What a public detector needs."""

    key: bytes = field(repr=False)
    layer: Layer  # context and rounds of the public key
    secret_sha256: str  # of the secret from which it follows, so that keys of groups cannot be chosen afterwards

    def as_json(self) -> str:
        """The file that may be given to anybody."""
        content = {"key": self.key.hex(), **self.layer._asdict(), "secret_sha256": self.secret_sha256}
        return json.dumps({"version": _VERSION, **content}, indent=1) + "\n"


def read_public_mark(path: Path) -> PublicMark:
    """The public key from its file.

    Raises ConfigError: it cannot be read, or is no such file.
    """
    try:
        row = _read_json_object(path)
        key, layer = bytes.fromhex(row["key"]), Layer(int(row["width"]), int(row["rounds"]))
        if row["version"] != _VERSION or len(key) != MARK_KEY_BYTES or not (min(layer) > 0 and max(layer) <= 16):
            raise ValueError
        return PublicMark(key, layer, str(row["secret_sha256"]))
    except (OSError, ArithmeticError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            "this is no public key of a mark",
            where=str(path),
            next_step="name the file that the provider of the model gives out",
            command_step="name the file that 'stillhunt model mark keys' wrote",
        ) from error


@dataclass(frozen=True)
class StandingMarks:
    """All keys, and which account belongs to which group."""

    secret: bytes = field(repr=False)
    pseudonyms: bytes = field(repr=False)  # key under which ids of accounts are hashed
    groups: Mapping[str, str]  # keyed hash of an account -> its group

    @property
    def public(self) -> PublicMark:
        """What a public detector needs."""
        return PublicMark(mark_key(self.secret, "", "public"), PUBLIC_LAYER, hashlib.sha256(self.secret).hexdigest())

    def group_key(self, group: str) -> bytes:
        """The key of a group, such as a campaign's id."""
        return mark_key(self.secret, group, "group")

    def has_group(self, group: str) -> bool:
        """Whether accounts were given this group."""
        return group in self.groups.values()

    def group_of(self, account_id: str) -> str:
        """The group of an account: a campaign, or `OTHER_ACCOUNTS`."""
        return self.groups.get(account_name(self.pseudonyms, account_id), OTHER_ACCOUNTS)

    def keys_of(self, group: str) -> tuple[bytes, bytes]:
        """The keys of both layers for the answers to a group."""
        return self.public.key, self.group_key(group)

    @property
    def layers(self) -> tuple[Layer, Layer]:
        """Those of `keys_of`."""
        return PUBLIC_LAYER, GROUP_LAYER


def new_standing_secret(keys: Path) -> None:
    """Make the secret of the standing mark; one that is there stays.

    Raises ConfigError: it cannot be written.
    """
    if not (keys / SECRET_FILE).exists():
        write_new(keys / SECRET_FILE, secrets.token_bytes(KEY_BYTES).hex() + "\n")


def read_standing_marks(keys: Path, folder: Path) -> StandingMarks | None:
    """The standing mark; None where there is none.

    Args:
        keys: folder of keys.
        folder: of models, with the groups.

    Raises:
        ConfigError: a file cannot be read, or others may read the secret.
    """
    path = keys / SECRET_FILE
    if not path.exists():
        return None
    groups = _read_groups(folder)
    return StandingMarks(read_secret(path), _read_account_key(keys, groups), groups)


def assign_groups(case: Case, keys: Path, folder: Path) -> dict[str, int]:
    """Give the accounts of each campaign of a case the group of that campaign, from now on.

    It is no sanction: all answers are marked, and a key says nothing to whoever gets them. So every member counts,
    whatever its verdict. An account keeps its first group, so that its mark stays one.

    Returns:
        Campaign -> accounts that are new in its group.

    Raises:
        ConfigError: a file cannot be read.
        OutputError: the groups cannot be written.
    """
    groups = dict(_read_groups(folder))
    key = _read_account_key(keys, groups)
    counts: dict[str, int] = {}
    for row in case.members.select(["account_id", "campaign_id"]).to_pylist():
        name = account_name(key, row["account_id"])
        counts.setdefault(row["campaign_id"], 0)
        if name not in groups:
            groups[name] = row["campaign_id"]
            counts[row["campaign_id"]] += 1
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / GROUPS_FILE, [json.dumps(dict(sorted(groups.items()))).encode() + b"\n"])
    return counts


def _read_account_key(keys: Path, groups: Mapping[str, str]) -> bytes:
    """The key under which accounts are hashed; a new one would put all accounts of the groups among the others."""
    if groups and not (keys / PSEUDONYMS_FILE).exists():
        raise ConfigError(
            "the key is gone under which the accounts of the groups are hashed",
            where=str(keys / PSEUDONYMS_FILE),
            next_step="restore the file from a backup",
        )
    return pseudonyms_key(keys)


def _read_groups(folder: Path) -> dict[str, str]:
    path = folder / GROUPS_FILE
    if not path.exists():
        return {}
    try:
        groups = _read_json_object(path)
        if not all(isinstance(one, str) for one in groups.values()):
            raise ValueError
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            "the groups of accounts cannot be read", where=str(path), next_step="restore the file from a backup"
        ) from error
    return groups


def _read_json_object(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        row = json.loads(file.read(_LARGEST_FILE))
    if not isinstance(row, dict):
        raise ValueError
    return row
