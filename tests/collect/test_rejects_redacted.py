"""Rejected rows are shown redacted: escapes hide nothing, no cut leaves a part of a secret, and it stays cheap."""

from __future__ import annotations

import json

import pytest

from stillhunt.collect.values import rejects
from stillhunt.collect.values.rejects import SHOWN_ROWS, Rejects


def shown(raw: str, reason: str = "broken") -> dict[str, str]:
    collected = Rejects()
    collected.add("a.jsonl", "line 1", reason, raw)
    (row,) = collected.table().to_pylist()
    return dict(row)


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ('{"m": "my name is Jane Smith"', '{"m": "my name is [name]"'),
        (json.dumps({"m": "Ich heiße Jörg Müller"})[:-1], '{"m": "Ich heiße [name]"'),
        (json.dumps({"m": "我叫王晓梅。"}), '{"m": "我叫[name]。"}'),
        ('{"m": "Regards,\\nPiotr Zed\\nSales"', '{"m": "Regards,\\n[name]\\nSales"'),
        ('{"api_key": "abcd1234"}', '{"api_key": "[secret]"}'),
        ('{"a": "\\u0000\\u001b[2J"', '{"a": "\\u0000\\u001b[2J"'),
        ('{"a": "\\ud83d\\ude00 \\ud83d"', '{"a": "\U0001f600 \ufffd"'),
    ],
)
def test_rows_are_redacted_through_their_escapes(raw: str, kept: str) -> None:
    assert shown(raw)["raw"] == kept


def test_reasons_are_redacted_as_they_may_quote_a_value() -> None:
    assert shown("", "not a time: joe@mail.example")["reason"] == "not a time: [e-mail]"


@pytest.mark.parametrize("secret", ["sk-proj-T3BlbkFJ9aZqLmW2xY7vRn4KcD8e", "joe.doe@mail.example", "+49 171 5558823"])
@pytest.mark.parametrize("letter", ["x", "я", "語"])
def test_no_cut_leaves_a_part_of_a_secret(secret: str, letter: str) -> None:
    """Readers hand on the first 800 bytes of a row; what stands beside a cut is not shown."""
    for length in range(800 - len(secret) - 2, 802):
        row = (
            f"{' ' * (length - 700)}{letter * 200} {'z ' * 400}".encode()[: length - 1]
            + b" "
            + secret.encode()
            + b" end"
        )
        raw = row[:800].decode("utf-8", "replace")
        assert secret[:6] not in shown(raw)["raw"]
    for before in range(3150, 3250, 2):
        raw = "y " * (before // 2) + secret + " z" * 390
        assert secret[-6:] not in shown(raw)["raw"]


def test_only_the_first_rows_of_a_log_are_shown_however_its_parts_are_collected() -> None:
    whole, parts = Rejects(), [Rejects() for _ in range(3)]
    for number in range(3 * 500):
        whole.add("a", str(number), "broken", f"row {number} of joe@mail.example")
        parts[number // 500].add("a", str(number), "broken", f"row {number} of joe@mail.example")
    parts[0].table()  # what was shown once stays as it is
    for part in parts[1:]:
        parts[0].absorb(part.take())
        parts[0].table()
    assert parts[0].table().equals(whole.table())
    raws = whole.table()["raw"].to_pylist()
    assert raws[SHOWN_ROWS - 1] == f"row {SHOWN_ROWS - 1} of [e-mail]"
    assert set(raws[SHOWN_ROWS:]) == {""}
    assert whole.rows == 1500


def test_a_log_of_broken_rows_is_not_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redaction takes milliseconds a row: of very many rows, only those that are shown are redacted, and once."""
    redact, redacted_rows = rejects._redacted_json, []
    monkeypatch.setattr(rejects, "SHOWN_ROWS", 100)
    monkeypatch.setattr(rejects, "_redacted_json", lambda raw: (redacted_rows.append(raw), redact(raw))[1])
    found = Rejects()
    for number in range(500):
        found.add("a", f"line {number}", f"not a time: {number}", '{"prompt": "my name is Jane Smith", ' * 20)
        if number % 100 == 0:
            found.table()
    assert found.table().num_rows == 500
    assert len(redacted_rows) == 100
