"""The cases of the gallery as data: who the accounts are, what they ask, and what a hunt must say of them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Asking:
    """One kind of work that the accounts of a group send.

    Attributes:
        texts: prompts; in each `{item}` is a question, `{answer}` a longer text, `{language}` a language and `{n}` a
            number.
        sentences: words that are put around an item anew for each request: one of each list, in any order; a text with
            `[a|b]` is read with either word. Instead of `texts`.
        then: texts of later turns, with the same slots; empty = what people say in chats.
        topics: of the questions; empty = each account has interests of its own.
        one_topic_each: each account keeps to one of the topics.
        long: sentences of a question in the median.
        shared_items: size of the list of questions that all accounts use; 0 = each request has a new one.
        copies: requests that one question is sent in, by whichever accounts.
        days: first and last day of the work.
        per_day: requests of an account on a day, on average.
        spread: log-standard deviation of the volume between accounts; 0 = all send about as much.
        hours: round (any hour), office, evening, night (a fixed hour of each account) or windows (12-hour windows that
            the accounts have in common).
        sitting: requests in one go.
        talking: share of the requests of a sitting that continue a conversation.
        best_model: only the best model is asked; otherwise each account has its favourite.
        temperature, max_tokens: nan where the client sends none.
        sends_from: data-centre networks and client programs that it all comes from; 0 = those of the accounts.
    """

    texts: tuple[str, ...] = ("{item}",)
    sentences: tuple[tuple[str, ...], ...] = ()
    then: tuple[str, ...] = ()
    system: str = ""
    tools: str = ""
    topics: tuple[str, ...] = ()
    one_topic_each: bool = False
    long: float = 1.5
    shared_items: int = 0
    copies: int = 1
    days: tuple[float, float] = (1.0, 9.0)
    per_day: float = 10.0
    spread: float = 0.0
    hours: str = "round"
    sitting: float = 1.0
    talking: float = 0.0
    best_model: bool = False
    temperature: float = float("nan")
    max_tokens: float = float("nan")
    answer: float = 500.0
    sends_from: int = 0


@dataclass(frozen=True)
class Group:
    """Accounts that are alike. What is not said is as of any customers: a card, a line and a mailbox of their own.

    Attributes:
        cards, signup_networks, mail_domains, networks, lines, clients, countries: how many of them the accounts
            share; 0 = each its own. Networks are of data centres; a line is one address at home or in an office.
        by_hand: the share of the accounts that are used in a browser.
        opened: any (like customers), aged, weeks (within the month before) or burst (within an hour).
        organization: what they declare.
        customers: persona of the lab whose traffic they have besides, or empty.
        cover: share of their traffic that is ordinary chat.
        end_users: people of a reseller who use them.
        waves: generations of accounts; each takes over when the one before is banned.
    """

    accounts: int
    cards: int = 0
    signup_networks: int = 0
    mail_domains: int = 0
    networks: int = 0
    lines: int = 0
    clients: int = 0
    countries: int = 0
    by_hand: float = 0.0
    opened: str = "any"
    organization: str = ""
    declared_use: str = ""
    customers: str = ""
    cover: float = 0.0
    end_users: int = 0
    waves: int = 1
    asks: tuple[Asking, ...] = ()


@dataclass(frozen=True)
class GalleryCase:
    """One case.

    Attributes:
        who, shares, asks, why: in the words of an analyst.
        campaign: True for a campaign, False for an honest group.
        shown: least verdict of a campaign; most of an honest group.
        kinds: kinds of operation that a group put up for review may be; empty = any.
        found: share of a campaign's accounts that must be shown.
        world: cases with the same word share a world; campaigns share none with honest groups.
        customer_table: whether the provider hands over a table of its customers.
        allowed: the organisation is under contract, and the settings say so.
        wrong: why the verdict is another one today; empty where it is right.
    """

    name: str
    title: str
    who: str
    shares: str
    asks: str
    why: str
    campaign: bool
    shown: str
    groups: tuple[Group, ...]
    kinds: tuple[str, ...] = ()
    found: float = 0.8
    world: str = ""
    customer_table: bool = True
    allowed: bool = False
    wrong: str = ""


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value


def _asking(entries: dict[str, Any]) -> Asking:
    return Asking(**{name: _frozen(value) for name, value in entries.items()})


def _group(entries: dict[str, Any]) -> Group:
    return Group(**{**entries, "asks": tuple(_asking(one) for one in entries.get("asks", []))})


def _case(name: str, entries: dict[str, Any]) -> GalleryCase:
    said = {key: _frozen(value) for key, value in entries.items() if key != "groups"}
    return GalleryCase(name, groups=tuple(_group(one) for one in entries["groups"]), **said)


CASES = {
    name: _case(name, entries)
    for name, entries in tomllib.loads(Path(__file__).with_name("cases.toml").read_text("utf-8")).items()
}
"""In the order of the page."""
