"""Texts from logs: no ids, no secrets, no markup, bounded; and patterns that find the clients they are for."""

from __future__ import annotations

import re
import time

import pytest

from stillhunt.base.clients import client_families
from stillhunt_evidence.sharing.clean_texts import _SENTENCE_CHARS, _SHORTEST_ID, HIDDEN_ID, TextCleaner
from stillhunt_evidence.sharing.indicators import user_agent_pattern
from stillhunt_evidence.sharing.parameters import SHARED_VALUE_CHARS

ACTIVE = re.compile(
    r"[<>\[\]{}`\\|]|://|(?i:javascript|vbscript|data)\s*:|[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "![x](https://evil.example/beacon)",
        "[x](javascript:alert(1))",
        "JaVaScRiPt :alert(1)",
        "data:text/html,x",
        "{{7*7}}${7*7}`id`|x",
        "a\x1b[31mb\x00c\u202ed",
        "\\u003cscript\\u003e",
    ],
)
def test_what_pages_obey_is_gone(text: str) -> None:
    for cleaned in (TextCleaner(()).value(text), TextCleaner(()).sentence(text)):
        assert not ACTIVE.search(cleaned), cleaned


def test_secrets_and_addresses_are_redacted() -> None:
    cleaned = TextCleaner(()).value("bot by joe@example.com from 192.0.2.7 key sk-live-ABCDEFGHIJKLMNOP")
    assert "joe" not in cleaned
    assert "192.0.2.7" not in cleaned
    assert "ABCDEFGH" not in cleaned


def test_ids_are_hidden_wherever_they_are() -> None:
    cleaner = TextCleaner(["account-1", "account-12", "70"])
    assert cleaner.sentence("account-12 and xaccount-1y: 70 requests") == f"{HIDDEN_ID} and x{HIDDEN_ID}y: 70 requests"
    assert len(HIDDEN_ID) > 0


def test_the_shortest_id_that_is_hidden() -> None:
    assert _SHORTEST_ID == 6
    assert TextCleaner(["abcdef"]).value("xabcdefx") == f"x{HIDDEN_ID}x"
    assert TextCleaner(["abcde"]).value("xabcdex") == "xabcdex"


def test_an_id_that_a_cut_divides_does_not_remain() -> None:
    one = "Q" * 600
    for start in range(0, 8 * SHARED_VALUE_CHARS + 20, 7):
        assert "QQQ" not in TextCleaner([one]).value("a " * (start // 2) + one)
    many = (one + " ") * 40
    assert "QQQ" not in TextCleaner([one]).value(many)


def test_texts_are_bounded_and_megabytes_are_quick() -> None:
    cleaner = TextCleaner([f"account-{number}" for number in range(200)])
    started = time.perf_counter()
    assert len(cleaner.value("x" * 1_000_000)) <= SHARED_VALUE_CHARS
    assert len(cleaner.sentence("<" * 1_000_000)) <= _SENTENCE_CHARS
    assert len(cleaner.model("ft:" + "y" * 1_000_000)) <= SHARED_VALUE_CHARS
    assert time.perf_counter() - started < 10


def test_fine_tuned_models_keep_their_base() -> None:
    assert TextCleaner(()).model("ft:gpt-4o-mini-2024-07-18:my-org:suffix:id") == "ft:gpt-4o-mini-2024-07-18"
    assert TextCleaner(()).model("large:2026") == "large:2026"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("arn:aws:bedrock:us-east-1:123456789012:custom-model/globex", ""),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc", ""),
        ("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-v2", "eu.anthropic.claude-v2"),
        ("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.titan", "amazon.titan"),
        ("projects/globex/locations/us/endpoints/42", ""),
        ("projects/globex/locations/us/publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("deployment-123456789012-prod", ""),
        ("anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"),
    ],
)
def test_models_of_a_cloud_lose_whose_they_are(name: str, shown: str) -> None:
    assert TextCleaner(()).model(name) == shown


HEADERS = {
    "OpenAI/Python 1.54.0": "openai-python",
    "AsyncOpenAI/Python 1.54.0": "openai-python",
    "OpenAI/JS 4.20.1": "openai-node",
    "Anthropic/Python 0.40.0": "anthropic-python",
    "litellm/1.80.0": "litellm",
    "curl/8.5.0": "curl",
    "python-httpx/0.27.0": "httpx",
    "python-requests/2.31.0": "requests",
    "axios/1.6.0": "axios",
    "Go-http-client/2.0": "go",
    "node-fetch/1.0": "node-fetch",
    "Wget/1.21": "wget",
}


def test_patterns_find_the_headers_of_their_family_and_no_other() -> None:
    families = client_families(dict.fromkeys(HEADERS, 1))
    assert families == HEADERS
    for family in set(HEADERS.values()):
        found = {header for header in HEADERS if re.search(user_agent_pattern(family), header)}
        assert found == {header for header, own in HEADERS.items() if own == family}, family


@pytest.mark.parametrize("family", ["(other)", "Chrome", "acme", "openai-cobol", ""])
def test_other_families_have_no_pattern(family: str) -> None:
    assert user_agent_pattern(family) == ""
