"""An account has one id from its log to its refusal, however long and odd the id is."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from collect.gathering import collected, config, row, write_lines
from server.serving import Running, serving
from server.test_api import call
from stillhunt.base.config import SanctionedSettings
from stillhunt.base.ids import MOST_ID_BYTES, cut_at, kept_id, stands_for_another
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.table import empty_table
from stillhunt.watch.subject.records import SubjectIds
from stillhunt_server.api.gateways import DECIDE_PATH, LITELLM_PATH, NGINX_PATH
from stillhunt_signals.signals.declared import Signal
from stillhunt_signals.signals.values import settle_values

SIZES = [1, 2, 63, 64, 65, 1000, 1021, 1022, 1023, 1024, 1025, 1026, 1027, 2048, 4095, 4096]
ALPHABETS = ("a", "ä", "網", "\U0001f600", "a\u200b", "\t", "\x7f~", "\ufffd", " ")


def id_of(letters: str, size: int) -> str:
    """An id of so many bytes, or the next size below that the letters allow, padded with a plain letter."""
    text = cut_at((letters * size).encode(), size)
    return text + "z" * (size - len(text.encode()))


ODD_IDS = (" ann", "ann ", "ann", "\u00a0ann", "ann\u3000", "/", "..", "%00", "x" * 9000, "x" * 9001, "\ud800half")
IDS = [*sorted({id_of(letters, size) for letters in ALPHABETS for size in SIZES} - {" ", ""}), *ODD_IDS]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("ids") / "data") as server:
        yield server


def ids_in_log(folder: Path, ids: list[str], **settings: int) -> list[str]:
    """The accounts of a log, in the order of its lines."""
    log = write_lines(folder / "log.jsonl", [row(number, account_id=one) for number, one in enumerate(ids)])
    rows, _ = collected(log, settings=config(**settings))
    assert len(rows) == len(ids)
    return [one["account_id"] for one in sorted(rows, key=lambda one: one["origin_row"])]


@pytest.mark.parametrize("settings", [{}, {"max_field_bytes": 64}, {"max_field_bytes": 4096}])
def test_what_a_log_says_is_refused_and_nobody_else(running: Running, tmp_path: Path, settings: dict[str, int]) -> None:
    known = ids_in_log(tmp_path, IDS, **settings)
    assert len(set(known)) == len(IDS)
    assert max(len(one.encode()) for one in known) <= MOST_ID_BYTES
    assert all(kept_id(one) == one for one in known)
    for number, (given, kept) in enumerate(zip(IDS, known, strict=True)):
        if number % 2:
            made = call(running, "POST", "/v1/decisions", {"account_id": kept, "action": "block", "by": "Ada"})
            assert made[0] == 201
            assert stands_for_another(kept) or kept == given
    running.decisions.look()
    for number, given in enumerate(IDS):
        allowed = not number % 2
        said = call(running, "POST", DECIDE_PATH, json.dumps({"account_id": given}).encode())
        guarded = {"input_type": "request", "request_data": {"user_api_key_user_id": given}}
        by_proxy = call(running, "POST", LITELLM_PATH, json.dumps(guarded).encode())
        if "\ud800" in given:  # half a character is no text: such a question is refused as malformed
            assert said[0] == 400
            continue
        assert said[1]["allowed"] is allowed, (number, given[:80])
        assert (by_proxy[1]["action"] == "NONE") is allowed, (number, given[:80], by_proxy[1])


def test_gateways_that_send_headers_meet_long_ids(running: Running) -> None:
    long = "網" * 1200
    made = call(running, "POST", "/v1/decisions", {"account_id": long, "action": "block", "by": "Ada"})
    assert made[1]["account_id"] == kept_id(long)
    running.decisions.look()
    for given, status in ((long, 403), (long[:-1], 200)):
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
        headers = {"authorization": f"Bearer {running.admin}", "x-account-id": given.encode()}
        connection.request("GET", NGINX_PATH, headers=headers)  # type: ignore[arg-type]  # bytes are sent as they are
        assert connection.getresponse().status == status
        connection.close()


def test_lists_that_people_write_name_long_ids_as_logs_do() -> None:
    long = "b" * 3000
    assert SanctionedSettings(accounts=(long, "a")).accounts == (kept_id(long), "a")
    signal = Signal.model_validate({"name": "s", "from": "x.csv", "column": "v", "kind": "score", "about": "operation"})
    rows = pa.table({"account": [long, "a"], "value": ["1", "2"], "time": pa.nulls(2, pa.string())})
    assert settle_values(signal, rows).ids.to_pylist() == sorted([kept_id(long), "a"])
    ids = SubjectIds(kept_id(long))
    assert ids.names("user_id", long)
    assert not ids.names("user_id", long + "b")


def test_decisions_of_earlier_versions_about_long_ids_stay_in_force() -> None:
    long = "c" * 2000
    old = LogEntry(1, 0, "case", long, "block", "operator_decision", "Ada", False, 0, 1 << 60)
    found = empty_table().with_entries([old], 1).find(kept_id(long), 1)
    assert found is not None
    assert found.action == "block"
