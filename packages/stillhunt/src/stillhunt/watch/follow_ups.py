"""How often members of campaigns ask again within a conversation, kept beside the case of a snapshot."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.dataset import Dataset
from stillhunt.base.errors import CaseError

FOLLOW_UPS_FILE = "follow_ups.json"
COUNTED = pa.schema([("account_id", pa.string()), ("follow_ups", pa.int64())])
_COLUMNS = ("account_id", "account_key", "conversation")


def follow_ups(sketches: Dataset, tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Account -> its requests, harvested or not, that continue a conversation; members of campaigns with any only.

    Logs without conversations have none. It misleads about clients that put a harvest into one long conversation.
    """
    members = pa.array(sorted(set(tables["members"]["account_id"].to_pylist())), pa.string())
    found = sketches.gather(count_follow_ups, COUNTED, members, _COLUMNS)
    return dict(zip(found["account_id"].to_pylist(), found["follow_ups"].to_pylist(), strict=True))


def count_follow_ups(table: pa.Table, members: pa.Array) -> pa.Table:
    """The same for one partition; all requests of an account are in one."""
    own = table.filter(pc.is_in(table["account_id"].cast(pa.string()), value_set=members))
    keys, conversations = (own.column(name).to_numpy() for name in ("account_key", "conversation"))
    order = np.lexsort((conversations, keys))
    keys, conversations = keys[order], conversations[order]
    again = np.append(False, (keys[1:] == keys[:-1]) & (conversations[1:] == conversations[:-1]))[: len(keys)]
    begins = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if len(keys) else np.zeros(0, np.int64)
    counts = np.diff(np.append(0, np.cumsum(again))[np.append(begins, len(keys))])
    names = own["account_id"].cast(pa.string()).take(pa.array(order[begins]))
    return pa.table([names, pa.array(counts, pa.int64())], schema=COUNTED).filter(pa.array(counts > 0))


def follow_ups_as_json(counts: Mapping[str, int]) -> bytes:
    """The content of the file."""
    return json.dumps(dict(sorted(counts.items()))).encode()


def read_follow_ups(snapshot: Path) -> dict[str, int] | None:
    """What the file of a snapshot says; None where an earlier version made it. Raises CaseError: it is damaged."""
    try:
        found = json.loads((snapshot / FOLLOW_UPS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise CaseError("the snapshot is damaged", where=str(snapshot), next_step="wait for the next hunt") from error
    return {name: count for name, count in found.items() if isinstance(count, int)} if isinstance(found, dict) else {}
