"""Keep each call once, as `extract.store` does on one machine; all calls of an account are in one partition."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from stillhunt.base.engine_spark_dataset import Batches, chunks_of, pack_rows, pack_table, unpack_rows
from stillhunt.base.schema import SKETCHES
from stillhunt.base.schema_case import REJECTS
from stillhunt.extract.store.store import request_in_account, settled_rows, with_distinct_keys
from stillhunt.pipeline_spark.rows import FACT, ROW, packed


def settle_batches(batches: Batches) -> Batches:
    """Keep each call of some accounts once; runs on an executor.

    Yields packed sketches, and rejects and facts in packed tables.
    """
    chunks = chunks_of(batches)
    for chunk in chunks:
        if chunk["kind"].as_py() != ROW:
            yield packed(chunk["kind"].as_py(), blob=chunk["blob"].as_py())
    own = [chunk for chunk in chunks if chunk["kind"].as_py() == ROW]
    if not own:
        return
    table = unpack_rows(own, SKETCHES.names).cast(SKETCHES.arrow)
    _key, repeated, shares = settled_rows(table)
    facts = {"repeats": int(repeated.sum()), "settled": int((~repeated).sum()), "shared": int(shares.sum())}
    yield packed(FACT, blob=pack_table(REJECTS.build(source=[""], place=[""], reason=[""], raw=[json.dumps(facts)])))
    table = with_distinct_keys(table, np.unique(request_in_account(table)[shares]))
    for packed_rows in pack_rows(table.filter(pa.array(~repeated)) if repeated.any() else table):
        yield packed(ROW, **packed_rows)
