"""Search for an address: it is hashed with the folder's key and compared; the address itself is nowhere kept."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.errors import StillhuntError
from stillhunt.watch.addresses import hash_for_search
from stillhunt.web.console.context import Console
from stillhunt.web.console.snapshot import ShownCase

HITS_SHOWN = 100


@dataclass(frozen=True)
class AddressHits:
    """Members that sent requests from an address or its network.

    Attributes:
        rows: member, campaign, kind and requests; those from the address itself first, then the most requests.
        problem: why it could not be looked for; "" where it could.
    """

    rows: tuple[dict[str, Any], ...] = ()
    words: str = ""
    problem: str = ""


def address_hits(console: Console, shown: ShownCase, text: str) -> AddressHits | None:
    """Members of campaigns that sent requests from an address; None where the text is none.

    Args:
        console: with the folder's key.
    """
    try:
        ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    try:
        address, network = hash_for_search(console.folder, console.config, text.strip())
    except StillhuntError as error:
        return AddressHits(problem=f"{formatting.sentence(error.what)} {formatting.sentence(error.next_step)}")
    wanted = pa.array([one for one in (address, network) if one], pa.string())
    found = shown.case.addresses.filter(pc.is_in(shown.case.addresses["hash"], value_set=wanted))
    found = found.sort_by([("kind", "ascending"), ("requests", "descending"), ("account_id", "ascending")])
    number = formatting.plural(len(pc.unique(found["account_id"])), "account")
    more = f"; the first {HITS_SHOWN} rows are here" if found.num_rows > HITS_SHOWN else ""
    return AddressHits(tuple(found.slice(0, HITS_SHOWN).to_pylist()), f"{number} of campaigns{more}.")
