"""What a receiver can look for: the indicators of a campaign, the same in every format."""

from collections.abc import Iterator
from dataclasses import dataclass

from stillhunt.tools import formatting
from stillhunt_evidence.sharing.parameters import MOST_SHARED_VALUES
from stillhunt_evidence.sharing.shared_campaign import SharedCampaign, SharedHash, SharedValue, percent_of

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

    Returns the expression, which ignores case; empty for a family whose headers have no pattern here.
    """
    vendor, _, language = family.partition("-")
    if vendor in _SDK and language in _LANGUAGES:
        return f"(?i)^(Async)?{_SDK[vendor]}/{_LANGUAGES[language]}"
    return f"(?i){_HEADERS[family]}" if family in _HEADERS else ""


# percent: most confidence of an indicator that is a client (an SDK has many honest users: the lowest step of the STIX
# scale that is not none)
_CLIENT_CONFIDENCE = 10
# percent: most confidence of an indicator that is an autonomous system (most of its addresses belong to others: low on
# the STIX scale)
_NETWORK_CONFIDENCE = 20
# percent: most confidence of an indicator of keyed hashes of addresses (carriers and proxies put many people behind one
# address: medium on the STIX scale)
_ADDRESS_CONFIDENCE = 60
# percent: most confidence of an indicator of keyed hashes of phrases (a template can be copied, and is then used by
# others: high on the STIX scale)
_PHRASE_CONFIDENCE = 85


_ALSO = "Honest customers use it as well: a match is a reason to look, and no evidence by itself."
_HASHED = (
    "Keyed hashes under the key of the circle; whoever has the key can compare them with hashes of their own logs, and "
    "can try values."
)
_HASHES = (
    ("address", ("address", "addresses"), _ADDRESS_CONFIDENCE),
    ("network", ("network (/24, /48)", "networks (/24, /48)"), _ADDRESS_CONFIDENCE),
    ("phrase", ("recurring phrase", "recurring phrases"), _PHRASE_CONFIDENCE),
)
"""Kind, its words for one and for many, and its most confidence in percent."""
NOT_FOR_BLOCKING = "not-for-blocking"
"""Label of everything that a receiver can look for."""
_WITHDRAWN = "Withdrawn by its sender: do not look for it any more."
_RESERVED_AS = 0
"""The number of no network (RFC 7607)."""


@dataclass(frozen=True)
class SharedIndicator:
    """One thing to look for."""

    kind: str  # client, network, address_hashes, network_hashes or phrase_hashes
    key: str  # what tells it from others of its kind in a campaign, which can be named without the case; part of its id
    name: str
    text: str
    confidence: int  # in percent, at most that of the campaign
    requests: int
    accounts: int
    value: SharedValue | None = None
    hashes: tuple[SharedHash, ...] = ()
    pattern: str = ""


def indicators_of(campaign: SharedCampaign, *, withdrawn: bool = False) -> tuple[SharedIndicator, ...]:
    """The indicators of a campaign.

    Returns autonomous systems with a number, clients whose header is known, and one for each kind of hashes; each the
    most used first.
    """
    found = (*_list_network_indicators(campaign), *_list_client_indicators(campaign), *_hashes(campaign))
    if not withdrawn:
        return found
    known = {(one.kind, one.key): one for one in found}
    return tuple(known.get((one.kind, one.key), one) for one in _iterate_possible_indicators())


def _iterate_possible_indicators() -> Iterator[SharedIndicator]:
    """Every indicator that a campaign can have, without what it was."""
    for place in range(MOST_SHARED_VALUES):
        nothing = SharedValue("", 0, number=_RESERVED_AS)
        yield SharedIndicator("network", str(place), "Autonomous system", _WITHDRAWN, 0, 0, 0, value=nothing)
    for family in client_families():
        pattern = user_agent_pattern(family)
        value = SharedValue(family, 0)
        yield SharedIndicator("client", family, f"Client {family}", _WITHDRAWN, 0, 0, 0, value=value, pattern=pattern)
    for kind, (_, words), _most in _HASHES:
        yield SharedIndicator(f"{kind}_hashes", "", f"Keyed hashes of {words}", _WITHDRAWN, 0, 0, 0)


def _list_network_indicators(campaign: SharedCampaign) -> list[SharedIndicator]:
    confidence = min(_NETWORK_CONFIDENCE, percent_of(campaign))
    numbered = [one for one in campaign.values.networks if one.number is not None]
    return [
        SharedIndicator(
            "network",
            str(place),  # and not the number, which a withdrawal need not know
            f"Autonomous system {one.number}",
            f"{_describe_sent_requests(one)} from AS{one.number}{one.value and f' ({one.value})'}. {_ALSO}",
            confidence,
            one.requests,
            one.accounts,
            value=one,
        )
        for place, one in enumerate(numbered)
    ]


def _list_client_indicators(campaign: SharedCampaign) -> list[SharedIndicator]:
    confidence = min(_CLIENT_CONFIDENCE, percent_of(campaign))
    return [
        SharedIndicator(
            "client",
            one.value,
            f"Client {one.value}",
            f"{_describe_sent_requests(one)} with {one.value}. {_ALSO}",
            confidence,
            one.requests,
            one.accounts,
            value=one,
            pattern=pattern,
        )
        for one in campaign.values.clients
        if (pattern := user_agent_pattern(one.value))
    ]


def _describe_sent_requests(one: SharedValue) -> str:
    accounts, requests = formatting.plural(one.accounts, "account"), formatting.plural(one.requests, "request")
    return f"{accounts} of the campaign {formatting.verb(one.accounts, 'sends', 'send')} {requests}"


def _hashes(campaign: SharedCampaign) -> list[SharedIndicator]:
    found = []
    for kind, words, most in _HASHES:
        if hashes := campaign.hashes_of(kind):
            found.append(
                SharedIndicator(
                    f"{kind}_hashes",
                    "",
                    f"Keyed hashes of {words[1]}",
                    f"{formatting.plural(len(hashes), *words)} that several accounts of the campaign use. {_HASHED}",
                    min(most, percent_of(campaign)),
                    max(one.requests for one in hashes),
                    max(one.accounts for one in hashes),
                    hashes=hashes,
                )
            )
    return found
