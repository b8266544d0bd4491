"""Outlets as the settings declare them, and what each system is sent."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from stillhunt import Config, ConfigError
from stillhunt.plugins import SIGNATURE_HEADER, signature

OutletKind = Literal["litellm", "webhook", "radar", "crowdsec", "misp"]
SETTINGS_TABLE = "write_back"
_NEXT = "howto/signals.md describes outlets"


class Outlet(BaseModel):
    """One system: `[plugins.write_back.NAME]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    kind: OutletKind
    # root of LiteLLM, CrowdSec's local API, MISP or Stripe's API; the address itself of a webhook
    url: str = Field(max_length=2048)
    # what it takes as proof of who asks; of CrowdSec `MACHINE:PASSWORD`; a webhook's bodies are signed with it
    key: str = Field("", max_length=1024, repr=False)
    least: Literal["throttle", "limit", "block"] = "block"  # decisions of this action, and stronger ones, are told
    # a CSV with account_id and value: what the system knows the account by (a key, card, mail, address). Accounts that
    # are not in it are not told of; without it the account itself is the value.
    subjects: str = Field("", max_length=4096)
    list_id: str = Field("", max_length=128)  # Radar's value list

    @field_validator("url")
    @classmethod
    def _is_of_the_web(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url:
            raise ValueError("this is no http:// or https:// address")
        return url.rstrip("/")


def declared_outlets(config: Config) -> dict[str, Outlet]:
    """The outlets that the settings declare, by name; none is used before a person switched it on.

    Raises ConfigError: an entry is not known, missing or of the wrong type.
    """
    found = {}
    for name, entries in sorted(config.plugins.get(SETTINGS_TABLE, {}).items()):
        where = f"setting plugins.{SETTINGS_TABLE}.{name}"
        if not isinstance(entries, Mapping):
            raise ConfigError("this is no table", where=where, next_step=_NEXT)
        try:
            found[name] = Outlet(**{**entries, "name": name})
        except ValidationError as error:
            first = error.errors()[0]
            at = ".".join((where, *(str(part) for part in first["loc"])))
            raise ConfigError(first["msg"].removeprefix("Value error, "), where=at, next_step=_NEXT) from error
    return found


@dataclass(frozen=True)
class ToldDecision:
    """What a system is told of one account."""

    account_id: str
    value: str  # what the system knows it by
    action: str
    until: int  # when the decision ends, seconds since 1970
    receipt: str = ""  # what the system called it when it was told; empty before, and where it gives no name


@dataclass(frozen=True)
class OutletRequest:
    """One request to a system."""

    method: str
    path: str
    json: Any = None
    form: Mapping[str, str] = field(default_factory=dict)


class OutletError(Exception):
    """The system did not take it; the text says why, without addresses and keys."""


def send_to(outlet: Outlet, told: ToldDecision, now: int, *, ends: bool) -> str:
    """Tell a system that a decision began, or that it ended.

    Returns its receipt, by which the end is told later. Raises OutletError: it did not take it.
    """
    try:
        with httpx.Client(timeout=10.0) as client:
            headers = _HEADERS[outlet.kind](outlet, client)
            request = _REQUESTS[outlet.kind](outlet, told, now, ends)
            content = None if request.json is None else json.dumps(request.json, sort_keys=True).encode()
            if content is not None:
                headers |= {"Content-Type": "application/json"}
            if outlet.kind == "webhook" and outlet.key and content is not None:
                headers |= {SIGNATURE_HEADER: signature(outlet.key, content, now)}
            answer = client.request(
                request.method, outlet.url + request.path, headers=headers, content=content, data=request.form or None
            )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OutletError(f"no answer ({type(error).__name__})") from None
    gone = ends and answer.status_code == 404  # the system forgot it by itself
    if answer.is_error and not gone:
        raise OutletError(f"it answered {answer.status_code}")
    return "" if ends else _receipt_of(outlet, answer)


def _receipt_of(outlet: Outlet, answer: httpx.Response) -> str:
    if outlet.kind not in ("radar", "crowdsec"):
        return ""
    try:
        said = answer.json()
        return str(said["id"] if outlet.kind == "radar" else said[0])[:128]
    except (ValueError, KeyError, IndexError, TypeError):
        raise OutletError("its answer names no entry, so that it could not be undone") from None


def _bearer(outlet: Outlet, client: httpx.Client) -> dict[str, str]:
    del client
    return {"Authorization": f"Bearer {outlet.key}"}


def _misp_key(outlet: Outlet, client: httpx.Client) -> dict[str, str]:
    del client
    return {"Authorization": outlet.key, "Accept": "application/json"}


def _crowdsec_login(outlet: Outlet, client: httpx.Client) -> dict[str, str]:
    machine, _, password = outlet.key.partition(":")
    answer = client.post(
        outlet.url + "/v1/watchers/login", json={"machine_id": machine, "password": password, "scenarios": []}
    )
    try:
        return {"Authorization": f"Bearer {answer.raise_for_status().json()['token']}"}
    except (ValueError, KeyError, TypeError):
        raise OutletError("it gives no token") from None


def _no_headers(outlet: Outlet, client: httpx.Client) -> dict[str, str]:
    del outlet, client
    return {}


def _to_litellm(outlet: Outlet, told: ToldDecision, now: int, ends: bool) -> OutletRequest:
    """`/key/block` and `/key/unblock` of LiteLLM's proxy; the value is a key or its hash."""
    del outlet, now
    return OutletRequest("POST", "/key/unblock" if ends else "/key/block", {"key": told.value})


def _to_webhook(outlet: Outlet, told: ToldDecision, now: int, ends: bool) -> OutletRequest:
    body = {
        "event": "decision_ended" if ends else "decision",
        "account_id": told.account_id,
        "value": told.value,
        "action": told.action,
        "until": told.until,
        "sent_at": now,
        "outlet": outlet.name,
    }
    return OutletRequest("POST", "", body)


def _to_radar(outlet: Outlet, told: ToldDecision, now: int, ends: bool) -> OutletRequest:
    """An item of a Radar value list: https://docs.stripe.com/api/radar/value_list_items."""
    del now
    if ends:
        return OutletRequest("DELETE", f"/v1/radar/value_list_items/{told.receipt}")
    return OutletRequest("POST", "/v1/radar/value_list_items", form={"value_list": outlet.list_id, "value": told.value})


def _to_crowdsec(outlet: Outlet, told: ToldDecision, now: int, ends: bool) -> OutletRequest:
    """An alert with one decision, as CrowdSec's local API takes it from a machine; its end deletes the alert."""
    if ends:
        return OutletRequest("DELETE", f"/v1/alerts/{told.receipt}")
    source = {"scope": "Ip", "value": told.value, "ip": told.value}
    decision = {
        "duration": f"{max(told.until - now, 1)}s",
        "origin": "stillhunt",
        "scenario": "stillhunt/harvest",
        "scope": "Ip",
        "type": "ban",
        "value": told.value,
    }
    alert = {
        "capacity": 0,
        "decisions": [decision],
        "events": [],
        "events_count": 1,
        "leakspeed": "0",
        "message": "a person decided to block this account",
        "scenario": "stillhunt/harvest",
        "scenario_hash": "",
        "scenario_version": "",
        "simulated": False,
        "source": source,
        "start_at": _instant_of(now),
        "stop_at": _instant_of(now),
    }
    del outlet
    return OutletRequest("POST", "/v1/alerts", [alert])


def _to_misp(outlet: Outlet, told: ToldDecision, now: int, ends: bool) -> OutletRequest:
    """A sighting of the value, and at the end one of its expiration (type 2)."""
    del outlet
    kind = "2" if ends else "0"
    return OutletRequest(
        "POST", "/sightings/add", {"values": [told.value], "type": kind, "source": "stillhunt", "timestamp": now}
    )


def _instant_of(seconds: int) -> str:
    from datetime import UTC, datetime  # its only use

    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


_HEADERS: dict[OutletKind, Callable[[Outlet, httpx.Client], dict[str, str]]] = {
    "litellm": _bearer,
    "radar": _bearer,
    "misp": _misp_key,
    "crowdsec": _crowdsec_login,
    "webhook": _no_headers,
}
_REQUESTS: dict[OutletKind, Callable[[Outlet, ToldDecision, int, bool], OutletRequest]] = {
    "litellm": _to_litellm,
    "webhook": _to_webhook,
    "radar": _to_radar,
    "crowdsec": _to_crowdsec,
    "misp": _to_misp,
}
