"""Odd values in every field that a client chooses, in five kinds of logs: no call is lost, and no verdict changes.

The harvesters of a small world with two campaigns write the values into all their calls, each call another one. Rows
are checked for every field and value; hunts for every field with all values at once, and for some pairs of fields.
"""

from __future__ import annotations

import copy
import csv
import functools
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import stillhunt
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.collect import open_requests
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.collect.odd_values import CHOSEN, ODD
from tests.pipeline.vendor_logs import litellm, otlp
from trials import Fell, Trial

Row = dict[str, Any]
Place = tuple[str | int, ...]
"""Keys of objects and numbers of elements, from the record down to a value."""
_NOTHING = frozenset(("null", '""', "NaN"))
ORDINARY = tuple("null" if odd in _NOTHING else json.dumps(f"value {n}") for n, odd in enumerate(ODD.values()))
"""Values that anybody may send, as many as the odd ones, and none where an odd one means none."""
PLACEHOLDER = "@@odd@@"
PAIRS = 4
"""Pairs of fields that are hunted. Judgement: a hunt takes five seconds, and fields meet in no code but the judge's."""
HARVESTERS = 14
ASKED = frozenset(("prompt", "messages", "content", "role", "gen_ai.input.messages", "input.value"))
"""Fields without which nobody harvests: whoever spoils them asks nothing, so that only the rows are checked."""
OF_THE_PROVIDER = frozenset(("organization_id",))
"""Columns of the provider that explain why accounts act alike, being of one customer: only their rows are checked."""
_METADATA: Place = ("metadata", "requester_metadata")
LITELLM: dict[str, Place] = {
    **{name: (name,) for name in ("litellm_call_id", "id", "end_user", "model_group", "model", "requester_ip_address")},
    **{name: (name,) for name in ("user_agent", "session_id", "trace_id", "request_tags", "messages", "response")},
    **{name: (name,) for name in ("prompt_tokens", "completion_tokens", "error_information")},
    **{name: ("model_parameters", name) for name in ("temperature", "top_p", "max_tokens", "tools", "user", "x")},
    **{f"metadata {name}": (*_METADATA, name) for name in ("session_id", "trace_id", "headers", "x")},
    "header x-session-id": (*_METADATA, "headers", "x-session-id"),
    "header user-agent": (*_METADATA, "headers", "user-agent"),
    "content": ("messages", -1, "content"),
    "role": ("messages", -1, "role"),
    "user_api_key_end_user_id": ("metadata", "user_api_key_end_user_id"),
}
_SPAN: Place = ("resourceSpans", 0, "scopeSpans", 0, "spans", 0)
OTLP = (
    *(
        "gen_ai.request.model",
        "gen_ai.conversation.id",
        "client.address",
        "user_agent.original",
        "gen_ai.tool.definitions",
    ),
    *("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.request.temperature", "gen_ai.request.top_p"),
    *(
        "gen_ai.request.max_tokens",
        "gen_ai.usage.input_tokens",
        "gen_ai.user",
        "session.id",
        "error.type",
        "input.value",
    ),
)
"""Attributes; the account, the time and the kind of call are the gateway's."""


def trials(seed: int) -> Iterator[Trial]:
    """All trials.

    Args:
        seed: of the world and of the pairs.
    """
    scene = Scene(seed)
    for kind, shape, fields in scene.kinds():
        for field, place in fields.items():
            survived = functools.cache(functools.partial(scene.survivors, kind, shape, place))
            for number, value in enumerate(ODD):
                yield Trial(f"rows: {kind}", f"{field}: {value}", functools.partial(_survives, survived, number))
    for kind, shape, fields in scene.kinds():
        chosen = fields if kind == "ours, JSON lines" else dict(list(fields.items())[:: len(fields) // 3])
        for field, place in chosen.items():
            if place[-1] not in ASKED | OF_THE_PROVIDER:
                yield Trial(f"verdict: {kind}", field, functools.partial(scene.hunt, kind, shape, [place]))
    draw = random.Random(seed)  # noqa: S311  # a choice of trials, no secret
    evident = [name for name in CHOSEN if name not in ASKED | OF_THE_PROVIDER]
    for _ in range(PAIRS):
        pair = draw.sample(evident, 2)
        run = functools.partial(scene.hunt, "ours, JSON lines", _stated, [(name,) for name in pair])
        yield Trial("verdict: pairs", " and ".join(pair), run)


def _survives(survived: Callable[[], Sequence[bool]], number: int) -> None:
    if not survived()[number]:
        raise Fell("the call is lost")


class Scene:
    """A small world, its two campaigns, and what a hunt finds in it before anybody disturbs it.

    Args:
        seed: of the world.
    """

    def __init__(self, seed: int) -> None:
        campaigns = [CampaignSpec(2, HARVESTERS, name=name, requests_per_account_day=40.0) for name in ("one", "two")]
        self.world: World = build_world(WorldSpec(accounts=120, days=3, seed=seed + 2, campaigns=tuple(campaigns)))
        self.guilty = {row["account_id"] for row in self.world.truth_accounts.to_pylist() if row["campaign"]}
        self.rows: list[Row] = self.world.requests.to_pylist()
        self._undisturbed: dict[str, tuple[int, frozenset[str]]] = {}

    def kinds(self) -> Iterator[tuple[str, Callable[[Row], Any], Mapping[str, Place]]]:
        """Kind of log, what makes a record of a call, and the places of the fields that a client chooses."""
        ours = {name: (name,) for name in CHOSEN}
        for kind in ("ours, JSON lines", "ours, CSV", "ours, Parquet"):
            yield kind, _stated, ours
        yield "LiteLLM", lambda row: _whole(litellm(row)), LITELLM
        yield "OTLP", otlp, {name: (*_SPAN, "attributes", name) for name in OTLP}

    def survivors(self, kind: str, shape: Callable[[Row], Any], place: Place) -> list[bool]:
        """For each odd value whether a call with it at a place is read, and counted for its account."""
        own = [row for row in self.rows if row["account_id"] in self.guilty][: len(ODD)]
        rows = [{**row, "account_id": f"{row['account_id']}-{n}"} for n, row in enumerate(own)]
        with tempfile.TemporaryDirectory() as folder, DuckDBEngine(threads=1) as engine:
            path = _written(Path(folder), kind, [_disturbed(shape(row), [place], n) for n, row in enumerate(rows)])
            log = open_requests([str(path)], mapping=None, config=_config(kind), engine=engine, progress=Silent())
            read = {account for table in log.batches() for account in table["account_id"].to_pylist()}
        return [row["account_id"] in read for row in rows]

    def hunt(self, kind: str, shape: Callable[[Row], Any], places: Sequence[Place]) -> None:
        """Hunt with odd values at some places of the harvesters' calls; the verdict must be that without them."""
        if kind not in self._undisturbed:
            self._undisturbed[kind] = self._found(kind, [(shape(row), None) for row in self.rows], ())
        if self._undisturbed[kind][1] != self.guilty:
            raise Fell("the campaigns are not found in the undisturbed log")
        records = [
            (shape(row), number if row["account_id"] in self.guilty else None) for number, row in enumerate(self.rows)
        ]
        found = self._found(kind, records, places)
        wanted = self._undisturbed[kind]
        if found != wanted:
            # Whoever varies his client or address is harder to recognise, with odd values as with ordinary ones.
            wanted = self._found(kind, records, places, ORDINARY)
        lost, strangers = len(wanted[1] - found[1]), len(found[1] - self.guilty)
        if found[0] != wanted[0] or len(found[1]) < len(wanted[1]) or strangers:
            raise Fell(
                f"{found[0]} campaigns for {wanted[0]}; {lost} accounts not flagged, {strangers} innocent ones flagged"
            )

    def _found(
        self,
        kind: str,
        records: Sequence[tuple[Any, int | None]],
        places: Sequence[Place],
        values: Sequence[str] = tuple(ODD.values()),
    ) -> tuple[int, frozenset[str]]:
        made = [record if n is None else _disturbed(record, places, n, values) for record, n in records]
        with tempfile.TemporaryDirectory() as folder:
            path = _written(Path(folder), kind, made)
            config = _config(kind).model_copy(
                update={"sanctioned": stillhunt.Config(sanctioned={"organizations": self.world.sanctioned}).sanctioned}
            )
            case = stillhunt.hunt([str(path)], None, config)
        if case.run["counts"]["requests"] != len(records):
            raise Fell(f"{len(records) - case.run['counts']['requests']} calls are lost")
        flagged = frozenset(row["account_id"] for row in case.accounts.to_pylist() if row["flagged"])
        return case.run["counts"]["campaigns"], flagged


def _config(kind: str) -> stillhunt.Config:
    formats = {"LiteLLM": "litellm-callback", "OTLP": "otlp"}
    return stillhunt.Config(collect={"identity_key": "of the harness", "format": formats.get(kind, "canonical")})


def _stated(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def _whole(record: Row) -> Row:
    """A record of LiteLLM with the fields that the world says nothing of."""
    return {**record, "user_agent": None, "end_user": "", "trace_id": None, "request_tags": []}


def _disturbed(record: Any, places: Sequence[Place], number: int, values: Sequence[str] = tuple(ODD.values())) -> str:
    """A record as JSON with one of some values at each place, another one for each number."""
    record = copy.deepcopy(record)
    for place in places:
        _put(record, place, f"{PLACEHOLDER}{place}")
    line = json.dumps(record, default=str)
    for nth, place in enumerate(places):
        line = line.replace(json.dumps(f"{PLACEHOLDER}{place}"), values[(number + 7 * nth) % len(values)])
    return line


def _put(record: Any, place: Place, value: Any) -> None:
    for step in place[:-1]:
        if step == "attributes":
            found = next((pair for pair in record[step] if pair["key"] == place[-1]), None)
            if found is None:
                record[step].append(found := {"key": place[-1]})
            found["value"] = {"stringValue": value}
            return
        record = record[step] if isinstance(step, int) else record.setdefault(step, {})
    record[place[-1]] = value


def _written(folder: Path, kind: str, records: Sequence[Any]) -> Path:
    """The log of some records, given as objects or as JSON; a table gets text where JSON has another value."""
    lines = [record if isinstance(record, str) else json.dumps(record, default=str) for record in records]
    if kind not in ("ours, CSV", "ours, Parquet"):
        (folder / "log.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8", errors="replace")
        return folder / "log.jsonl"
    rows = [{name: _cell(raw) for name, raw in _fields(line)} for line in lines]
    names = list(dict.fromkeys(name for row in rows for name in row))
    if kind == "ours, CSV":
        with (folder / "log.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
        return folder / "log.csv"
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    pq.write_table(pa.table(columns), folder / "log.parquet")
    return folder / "log.parquet"


def _fields(line: str) -> Iterator[tuple[str, str]]:
    """Names and raw values of an object of JSON whose values may be odd: no decoder takes all of them."""
    decoder = json.JSONDecoder(strict=False, parse_int=str, parse_float=str, parse_constant=str)
    at = 1
    while at < len(line) - 1:
        name, at = decoder.raw_decode(line, at)
        at += 2
        try:
            _value, end = decoder.raw_decode(line, at)
        except RecursionError:
            end = line.index(', "', at) if ', "' in line[at:] else len(line) - 1
        yield name, line[at:end]
        at = end + 2


def _cell(raw: str) -> str | None:
    if raw == "null":
        return None
    value = json.loads(raw, strict=False) if raw.startswith('"') else raw
    return value.encode("utf-8", "replace").decode()
