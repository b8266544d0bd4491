"""Addresses that somebody looks for, as the hashes that a case holds of them."""

from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.collect.normalise.identity import address_hashes
from stillhunt.extract import identity_key
from stillhunt.extract.store.folders import KEY
from stillhunt.watch.folder import DataFolder


def hash_for_search(folder: DataFolder | None, config: Config, text: str) -> tuple[str | None, str]:
    """Hashes of an address or network under the key of the folder's hunts; compare them with `Case.addresses`.

    Misleads: a case that was made under an earlier key holds other hashes, so nothing is found in it.

    Args:
        folder: the data folder; None for a case folder by itself, whose key is that of the settings.
        config: settings; their key goes before that of a state folder, as in a hunt.
        text: an IPv4 or IPv6 address, or a network with its size: /24 or /48.

    Returns:
        (hash of the address, None where a network is given; hash of its network).

    Raises:
        ConfigError: there is no key: none is drawn for a search, since nothing was hashed under it.
        InputError: the text is no address, or a network of another size.
        OutputError: the key cannot be read.
    """
    key, state = config.collect.identity_key, config.state if folder is None else folder.state
    if not key and state and (Path(state) / KEY).exists():
        key = identity_key(Path(state))
    return address_hashes(text, key)
