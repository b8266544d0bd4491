"""The client fingerprint of a request: its user agent and its TLS fingerprint together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillhunt.base.coded import Ints as Codes
from stillhunt.base.coded import coded, codes, joined
from stillhunt.link.requests.arrays import Ints, numbered

CLIENT_COLUMNS = ("user_agent", "tls_fingerprint")


def client_codes(traffic: pa.Table) -> Codes:
    """Code of the client fingerprint of each request: `SLICED.client_fingerprint`.

    Codes follow the order in which user agents, then TLS fingerprints, appear along the rows. Ties between clients are
    broken by the smaller code, so the order of the rows must be the canonical one.
    """
    user_agent, tls_fingerprint = (coded(traffic.column(name)) for name in CLIENT_COLUMNS)
    return joined(user_agent, tls_fingerprint)


def client_texts(table: pa.Table) -> tuple[Ints, list[str]]:
    """Code of the client fingerprint of each request of one partition, ascending with its text, and the texts.

    The texts mean the same in every partition, which codes do not. The code is -1 where neither part is known.

    Args:
        table: requests with `CLIENT_COLUMNS`.
    """
    agent, agents = _distinct_texts(table.column(CLIENT_COLUMNS[0]))
    print_, prints = _distinct_texts(table.column(CLIENT_COLUMNS[1]))
    position, pair = numbered(agent * (len(prints) + 1) + print_)
    names = [f"{agents[a] or ''}\n{prints[p] or ''}" for a, p in zip(*np.divmod(pair, len(prints) + 1), strict=True)]
    known = sorted({name for name in names if name != "\n"})
    rank = {name: code for code, name in enumerate(known)}
    return np.array([rank.get(name, -1) for name in names], np.int64)[position], known


def _distinct_texts(column: pa.ChunkedArray) -> tuple[Ints, list[str | None]]:
    """Codes of a text column and its values, of which some may not occur; a null is a value."""
    code, names = codes(column)
    texts: list[str | None] = names.to_pylist()
    found = code.astype(np.int64)
    if column.null_count:
        found[found < 0] = len(texts)
        texts.append(None)
    return found, texts
