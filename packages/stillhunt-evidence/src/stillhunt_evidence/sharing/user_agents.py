"""Patterns by which the header User-Agent of a family of clients is recognised."""

from __future__ import annotations

_SDK = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "groq": "Groq",
    "cerebras": "Cerebras",
    "together": "Together",
}
_LANGUAGES = {"python": "Python", "node": "(JS|NodeJS)", "go": "Go", "java": "Java", "ruby": "Ruby"}
_HEADERS = {
    "aiohttp": r"aiohttp",
    "axios": r"^axios/",
    "curl": r"^curl/",
    "go": r"^(Go-http-client|go-resty)",
    "httpx": r"^(python-)?httpx",
    "langchain": r"langchain",
    "litellm": r"litellm",
    "llama-index": r"llama[-_ ]?index",
    "node-fetch": r"node-fetch",
    "ollama": r"ollama",
    "requests": r"python-requests",
    "urllib": r"python-urllib/",
    "urllib3": r"^(python-)?urllib3",
    "wget": r"^wget/",
}


def client_families() -> tuple[str, ...]:
    """The families of clients that have a pattern, sorted."""
    return tuple(sorted([*_HEADERS, *(f"{vendor}-{language}" for vendor in _SDK for language in _LANGUAGES)]))


def user_agent_pattern(family: str) -> str:
    """A regular expression (PCRE) that finds the header of a family of clients.

    Returns:
        The expression, which ignores case; empty for a family whose headers have no pattern here.
    """
    vendor, _, language = family.partition("-")
    if vendor in _SDK and language in _LANGUAGES:
        return f"(?i)^(Async)?{_SDK[vendor]}/{_LANGUAGES[language]}"
    return f"(?i){_HEADERS[family]}" if family in _HEADERS else ""
