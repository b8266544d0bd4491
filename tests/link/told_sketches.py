"""SKETCHES told row by row."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from stillhunt.base.schema import SKETCHES, TIMESTAMP

Prompt = dict[str, Any]


def sketches_of(prompts: list[Prompt]) -> pa.Table:
    """SKETCHES of prompts given by account, phrases and words; each is of its own text and conversation unless said."""
    rows = []
    for number, prompt in enumerate(prompts):
        row: dict[str, Any] = dict.fromkeys(SKETCHES.names)
        row.update(
            request_id=f"r{number:06d}",
            source="default",
            timestamp=number,
            conversation=number + 1,
            model="m",
            content_hash=number,
            whole=number + 1,
            phrases=[],
            system_phrases=[],
            topic_words=[],
            conduct=0,
            words=20,
            script=0,
            origin_file=0,
            origin_row=number,
        )
        row.update(prompt)
        rows.append(row)
    rows.sort(key=lambda row: (row["account_id"], row["timestamp"]))
    columns = {name: [row[name] for row in rows] for name in SKETCHES.names}
    columns["timestamp"] = pa.array(columns["timestamp"], pa.int64()).cast(TIMESTAMP)
    return SKETCHES.build(**columns)
