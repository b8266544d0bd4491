"""Data that may not teach is refused, with the row and the reason."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from cli.case_tables import account_row, campaign_row, case_tables, run_record
from stillhunt.base.errors import InputError
from stillhunt.base.ids import visible_id
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.triage import Case
from stillhunt_model.distil.permission import TERMS, Declared, check_terms, teacher_terms, terms_family, terms_of
from stillhunt_model.distil.rows import (
    HALF_CHARACTERS,
    LONGEST_DATA_ROW,
    WRONG_TERMS,
    WRONG_TEXT,
    DataOrder,
    DataRow,
    flagged_of,
    read_data_rows,
)


def write_rows(path: Path, *rows: Any) -> Path:
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


ALWAYS_REFUSED = (
    "OpenAI", "Open\u200bAI", "ChatGPT", "GPT-4 output", "OpenAI Terms of Use", "Anthropic Commercial Terms", "llama2",
    "Meta Llama 3", "Llama 3 Community License", "llama3.0", "All rights reserved", "for evaluation only",
    "training prohibited", "training is not allowed", "no model may be trained", "no text and data mining",
    "Training: no", "may not, in any way, be used to train", "no limits: training is not allowed",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "stance"),
    [
        ("own", "allows"),
        ("CC BY 4.0", "allows"),
        (" Apache-2.0 ", "allows"),
        ("cc_by_nc_nd_4.0", "depends"),
        ("CC-BY-5.0", "depends"),
        ("see the contract", "depends"),
        ("OpenAI terms", "forbids"),
        ("anthropic-terms", "forbids"),
        ("gemini-terms", "forbids"),
        ("Llama 2", "forbids"),
        ("no-training", "forbids"),
        ("You may not use this text to train models", "forbids"),
        ("use is prohibited for distillation", "forbids"),
        ("for training of staff", "depends"),
        ("no restrictions on training", "depends"),
        ("no limits: training allowed", "depends"),
        ("training is not restricted", "depends"),
        ("Llama 3.3 Community License", "depends"),
        ("MIT and a clause of ours", "depends"),
        *((text, "forbids") for text in ALWAYS_REFUSED),
    ],
)
def test_what_terms_say(text: str, stance: str) -> None:
    assert terms_of(text).stance == stance


def test_every_known_term_has_words() -> None:
    assert all(one.why and name == name.casefold() for name, one in TERMS.items())


def test_terms_that_forbid_training_cannot_be_accepted() -> None:
    with pytest.raises(InputError, match=r"'openai-terms' forbid training .*\[a, line 2\]"):
        check_terms([Declared("own", "a, line 1"), Declared("openai-terms", "a, line 2")], ["openai-terms"])


@pytest.mark.parametrize("text", ALWAYS_REFUSED)
def test_no_spelling_of_refused_terms_can_be_accepted(text: str) -> None:
    with pytest.raises(InputError, match="cannot be accepted"):
        check_terms([Declared(text, "a, line 1")], [text])


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("CC0", "cc0"),
        ("CC BY", "cc-by"),
        ("Creative Commons Attribution 4.0 International", "cc-by"),
        ("CC BY-SA", "cc-by-sa"),
        ("cc-by-sa-2.5", "cc-by-sa"),
        ("cc_by_nc_sa_4.0", "cc-by-nc-sa"),
        ("BSD", "bsd"),
        ("3-Clause BSD Licence", "bsd"),
        ("ODC-BY", "odc-by"),
        ("PDDL", "pddl"),
        ("CDLA", "cdla"),
        ("CDLA-Permissive-2.0", "cdla"),
        ("the MIT License", "mit"),
        ("Apache License, Version 2.0", "apache-2.0"),
        ("Apache 1.1", ""),
        ("Public domain", "public-domain"),
    ],
)
def test_a_licence_is_known_however_it_is_spelt(text: str, family: str) -> None:
    assert terms_family(text) == family


def folder_with_readme(folder: Path, front: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(front)
    return folder


def test_the_licence_of_a_teachers_readme_counts(tmp_path: Path) -> None:
    def terms(front: str, stated: str = "") -> str:
        return teacher_terms(stated, folder_with_readme(tmp_path / "teacher", front))

    assert teacher_terms("", tmp_path / "model.gguf") == "own"
    assert terms("# a card\nlicense: llama2\n") == "own"
    assert terms("---\nlicense: apache-2.0\n---\n") == "apache-2.0"
    assert terms("---\nlicense:\n- mit\n---\n") == "mit"
    forbids = '---\ntags: [a]\nlicense: "llama2"  # theirs\n---\n'
    for stated in ("", "own", "apache-2.0"):
        with pytest.raises(InputError, match="'llama2' that the teacher declares forbid") as refused:
            terms(forbids, stated)
        assert "--teacher-terms" in refused.value.on_command_line()
    assert terms(forbids, "agreement") == "agreement"
    unknown = "---\nlicense: other\nlicense_name: house-licence\n---\n"
    with pytest.raises(InputError, match="'house-licence' that the teacher declares need a reader"):
        terms(unknown)
    assert terms(unknown, "own") == "own"


def test_a_row_that_is_left_out_says_why(tmp_path: Path) -> None:
    file = write_rows(
        tmp_path / "a.jsonl",
        {"prompt": "x", "terms": ["mit"]},
        {"prompt": "x", "answer": 7},
        '{"prompt": "half \\ud800"}\n',
        '{"prompt": "x", "answer": "half \\udfff"}\n',
        {"prompt": "whole \U0001f600"},
    )
    data = read_data_rows(DataOrder([file], terms="own"))
    assert data.rejects == {WRONG_TERMS: 1, WRONG_TEXT: 1, HALF_CHARACTERS: 2}
    assert [row.prompt for row in data.rows] == ["whole \U0001f600"]


def test_terms_that_depend_on_the_use_need_a_reader() -> None:
    declared = [Declared("CC-BY-NC-4.0", "a, line 1"), Declared("own", "a, line 2")]
    with pytest.raises(InputError, match="need a reader: no commercial use"):
        check_terms(declared)
    with pytest.raises(InputError, match="need a reader"):
        check_terms(declared, ["cc-by-nd-4.0"])
    used = check_terms(declared, ["CC BY-NC 4.0"])
    assert used["cc-by-nc-4.0"].endswith("(accepted)")
    with pytest.raises(InputError, match="not in the table"):
        check_terms([Declared("house rules", "a, line 1")])


def test_rows_without_terms_are_refused_unless_the_terms_of_the_file_are_stated(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "a.jsonl", {"prompt": "one", "terms": "mit"}, {"prompt": "two"}, {"prompt": "three"})
    with pytest.raises(InputError, match=r"no terms are declared.*2 such rows.*a.jsonl, line 2") as refused:
        read_data_rows(DataOrder([file]))
    assert "--terms" in refused.value.on_command_line()
    data = read_data_rows(DataOrder([file], terms="own"))
    assert set(data.terms) == {"mit", "own"}
    with pytest.raises(InputError, match="no-training"):  # what a row declares is not overridden
        read_data_rows(DataOrder([write_rows(tmp_path / "b.jsonl", {"prompt": "x", "terms": "no-training"})], "own"))


def test_the_terms_of_the_teacher_count_too(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "a.jsonl", {"prompt": "one", "terms": "mit"})
    with pytest.raises(InputError, match=r"llama-3.*the teacher"):
        read_data_rows(DataOrder([file]), [Declared("llama-3", "the teacher")])


def test_rows_are_read_and_what_is_none_is_counted(tmp_path: Path) -> None:
    file = write_rows(
        tmp_path / "a.jsonl",
        {"prompt": "one", "answer": "1", "source": {"any": "thing"}},
        "\n",
        "not json\n",
        "[" * 100_000 + "\n",
        {"prompt": 7},
        {"prompt": "  "},
        {"prompt": "x", "answer": 7},
        {"prompt": "x", "terms": "y" * 500},
        {"prompt": "z" * (LONGEST_DATA_ROW + 5)},
        json.dumps({"prompt": "last", "answer": None}),
    )
    data = read_data_rows(DataOrder([file], terms="own"))
    assert data.rows == [DataRow("one", "1"), DataRow("last", "")]
    assert data.rejects == {
        "it is no JSON object with a prompt": 4,
        "its answer, account or request is no text, or too long": 1,
        "its terms are no text of at most 200 characters": 1,
        "its line is too long": 1,
    }
    assert data.files == {"a.jsonl": hashlib.sha256(file.read_bytes()).hexdigest()}


def test_a_file_without_rows_or_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no row is left to learn from; 1: it is no JSON"):
        read_data_rows(DataOrder([write_rows(tmp_path / "a.jsonl", "x\n")], terms="own"))
    with pytest.raises(InputError, match="cannot be read"):
        read_data_rows(DataOrder([tmp_path / "missing.jsonl"], terms="own"))


def test_flagged_accounts_and_their_requests_teach_nothing(tmp_path: Path) -> None:
    tables = case_tables(
        campaigns=[campaign_row("c-1", "act", 0.999)],
        accounts=[
            account_row("bad", "act", "c-1"),
            account_row("17", "act", "c-1"),
            account_row(visible_id("hid\u200bden"), "act", "c-1"),
            account_row("watched", "review", None),
        ],
        harvest=[{"request_id": "r-7", "slice_id": "s", "campaign_id": "c-1"}],
    )
    folder = Case(tables, run={**run_record(), "case_version": CASE_VERSION}).write(tmp_path / "case")
    flagged = flagged_of([folder])
    assert (flagged.accounts, flagged.requests) == ({"bad", "17", visible_id("hid\u200bden")}, {"r-7"})
    file = write_rows(
        tmp_path / "a.jsonl",
        {"prompt": "one", "account_id": "bad"},
        {"prompt": "two", "account_id": "good", "request_id": "r-7"},
        {"prompt": "three", "account_id": "watched"},
        {"prompt": "four", "request_id": "r-8"},
        {"prompt": "five"},
        {"prompt": "six", "account_id": "bad", "terms": "openai-terms"},
        {"prompt": "seven", "account_id": 17},
        {"prompt": "eight", "account_id": "hid\u200bden"},
    )
    data = read_data_rows(DataOrder([file], "own", (), flagged))
    assert [row.prompt for row in data.rows] == ["three", "four", "five"]
    assert data.rejects == {"its account is flagged": 4, "its request is part of a campaign": 1}
    assert data.unchecked == 1
