"""Families of clients: SDKs by the table, browsers by ua-parser, and whatever a client calls itself."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any

import pytest

from stillhunt.base import clients
from stillhunt.base.clients import OTHER, client_families, tells_browsers

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)


@pytest.fixture
def without_parser(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name == "ua_parser":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    forget()
    yield
    forget()


def forget() -> None:
    clients._load_browser_parser.cache_clear()
    clients._of_parser.cache_clear()


def family(agent: str) -> str:
    return client_families({agent: 1})[agent]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("OpenAI/Python 1.54.0", "openai-python"),
        ("AsyncOpenAI/Python 1.54.0", "openai-python"),
        ("OpenAI/v1 PythonBindings/0.27.8", "openai-python"),
        ("AsyncAzureOpenAI/Python 1.40.0", "azureopenai-python"),
        ("OpenAI/JS 4.68.1", "openai-node"),
        ("OpenAI/NodeJS/3.3.0", "openai-node"),
        ("Anthropic/Python 0.39.0", "anthropic-python"),
        ("AsyncAnthropicBedrock/Python 0.39.0", "anthropicbedrock-python"),
        ("Anthropic/JS 0.32.1", "anthropic-node"),
        ("claude-cli/1.0.60 (external, cli)", "claude-code"),
        ("litellm/1.50.2", "litellm"),
        ("langchain-openai/0.2", "langchain"),
        ("ai-sdk/openai/1.0 runtime/node.js/22", "vercel-ai-sdk"),
        ("google-genai-sdk/1.2.0 gl-python/3.12.3", "google-genai"),
        ("Boto3/1.35.0 md/Botocore#1.35.0", "boto3"),
        ("python-httpx/0.27.2", "httpx"),
        ("Python/3.12 aiohttp/3.10.5", "aiohttp"),
        ("python-requests/2.32.3", "requests"),
        ("curl/8.5.0", "curl"),
        ("node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "node-fetch"),
        ("node", "node"),
        ("undici", "node (undici)"),
        ("Go-http-client/2.0", "go"),
        ("harvester/7", "harvester"),
        ("7", OTHER),
        ("\x1b[31m", OTHER),
        ("日本", OTHER),
        ("x" * 5000, "x" * 40),
    ],
)
def test_families(agent: str, name: str) -> None:
    assert family(agent) == name


def test_browsers_have_names_where_the_parser_is_there() -> None:
    pytest.importorskip("ua_parser", reason="stillhunt[enrich] is not installed")
    assert tells_browsers()
    assert family(CHROME) == "Chrome"


@pytest.mark.usefixtures("without_parser")
def test_without_the_parser_a_browser_is_a_browser() -> None:
    assert not tells_browsers()
    assert family(CHROME) == "browser"
    assert family("OpenAI/Python 1.54.0") == "openai-python"


def test_only_the_most_frequent_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(clients, "_of_parser", lambda text: asked.append(text))
    monkeypatch.setattr(clients, "MAX_PARSED", 3)
    agents = {f"made-up-{n}/1": n for n in range(50)}
    assert client_families(agents) == {text: text.split("/")[0] for text in agents}
    assert asked == ["made-up-49/1", "made-up-48/1", "made-up-47/1"]
    asked.clear()
    assert client_families(dict(reversed(agents.items()))) == client_families(agents)
