"""The software that a User-Agent header names: SDKs of model APIs from a table, browsers and others from ua-parser.

A client may send any header, so only its beginning is read, and of many different headers only the most frequent go
through ua-parser's patterns.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from stillhunt.base.redaction import redacted

OTHER = "(other)"
UNKNOWN = "(unknown)"
MAX_PARSED = 2_000
"""Different headers that ua-parser reads in one hunt, the most frequent ones; each takes about 0.2 ms."""
MAX_USER_AGENT_CHARACTERS = 256
"""Characters of a header that are read."""
_MAX_CACHED = 1 << 14
_SDK = re.compile(
    r"(?:Async)?(Azure ?OpenAI|OpenAI|AnthropicBedrock|AnthropicVertex|Anthropic|Groq|Cerebras|Together|Mistral|Cohere|"
    r"Fireworks|Perplexity|XAI|Runwayml|LlamaStackClient|OpenRouter)/(Python|JS|Go|Java|Kotlin|Ruby|PHP|NodeJS|CSharp)\b",
    re.IGNORECASE,
)
"""SDKs that Stainless generates, which make most calls of model APIs, such as OpenAI/Python 1.54.0."""
_LANGUAGES = {"js": "node", "nodejs": "node"}
_NAMES = tuple(
    (re.compile(pattern, re.IGNORECASE), name)
    for pattern, name in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["names"]
)
_BROWSER = re.compile(r"Mozilla/\d")
_SHORTEST_KEY = 12
"""Characters from which a product may be a key; shorter ones are not looked at, which costs far less. Judgement."""
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9._-]{1,39}")


def client_families(agents: Mapping[str, int]) -> dict[str, str]:
    """The family of each User-Agent header.

    `agents`: header -> how many requests have it. Returns header -> name of the software without its version: the
    package name of an SDK, ua-parser's name of a browser, else the product at the beginning of the header; `OTHER` if
    there is none.
    """
    ranked = sorted(agents, key=lambda text: (-agents[text], text))
    unknown = [text for text in ranked if _of_table(text[:MAX_USER_AGENT_CHARACTERS]) is None]
    parsed = {text: _of_parser(text[:MAX_USER_AGENT_CHARACTERS]) for text in unknown[:MAX_PARSED]}
    return {
        text: _of_table(text[:MAX_USER_AGENT_CHARACTERS])
        or parsed.get(text)
        or _of_product(text[:MAX_USER_AGENT_CHARACTERS])
        for text in ranked
    }


def tells_browsers() -> bool:
    """Whether ua-parser is installed, so that browsers are named."""
    return _load_browser_parser() is not None


@lru_cache(_MAX_CACHED)
def _of_table(agent: str) -> str | None:
    """Name of an SDK, framework or HTTP library, of which ua-parser knows few; None for other software."""
    sdk = _SDK.search(agent)
    if sdk is not None:
        vendor, language = sdk[1].lower().replace(" ", ""), sdk[2].lower()
        return f"{vendor}-{_LANGUAGES.get(language, language)}"
    return next((name for pattern, name in _NAMES if pattern.search(agent)), None)


@lru_cache(MAX_PARSED)
def _of_parser(agent: str) -> str | None:
    parser = _load_browser_parser()
    found = None if parser is None else parser(agent)
    return None if found is None else str(found.family)[:64]


def _of_product(agent: str) -> str:
    if _BROWSER.match(agent):
        return "browser"
    token = _TOKEN.match(agent.strip())
    if token is None or (len(token[0]) >= _SHORTEST_KEY and redacted(token[0]) != token[0]):
        return OTHER  # some clients send their key where the product belongs
    return token[0].lower()


@cache
def _load_browser_parser() -> Any:
    try:
        from ua_parser import Parser, load_lazy_builtins  # an extra; without it all browsers are one family
    except ImportError:
        return None
    # Its own parser compiles its patterns of systems and devices as well, which are not asked for.
    return Parser.from_matchers(load_lazy_builtins()).parse_user_agent
