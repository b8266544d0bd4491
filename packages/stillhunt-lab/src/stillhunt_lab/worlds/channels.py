"""Channels to the provider's models (its own API, clouds, an aggregator), and what each lets it see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Channel:
    """One channel to the models.

    Args:
        name: value of the column `channel`; the clouds and the aggregator are inventions.
        account: shape of its account ids, with `{}` for sixteen hexadecimal digits.
        request: shape of its request ids.
        hidden: columns of the log that it does not pass on to the provider.
        withheld: columns of the customer table that it does not pass on.
    """

    name: str
    account: str
    request: str
    hidden: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


_CONNECTION = ("client_ip", "asn", "user_agent", "tls_fingerprint")
_CUSTOMER = ("email_domain", "payment_fingerprint", "payment_country", "phone_country", "signup_ip", "signup_country")

CHANNELS = (
    Channel("api", "acc-{}", "rq-{}"),
    Channel("subscription", "acc-{}", "rq-{}", hidden=("api_key_id",)),
    Channel(
        "cumulus", "cumulus:tenant/{}", "cumulus:call/{}",
        hidden=("conversation_id", "turn", "api_key_id", *_CONNECTION, "country"),
        withheld=_CUSTOMER,
    ),
    Channel(
        "terrace", "projects/{}/models", "trc.{}", hidden=("conversation_id", "turn", "tls_fingerprint", "api_key_id"),
        withheld=("payment_fingerprint", "payment_country", "phone_country", "signup_ip"),
    ),
    Channel(
        "switchyard", "sy_{}", "gen-sy-{}",
        hidden=(*_CONNECTION, "api_key_id", "organization_id"),
        withheld=(*_CUSTOMER, "organization_id"),
    ),
)  # fmt: skip
"""All channels; accounts hold codes into them."""

API, SUBSCRIPTION = 0, 1

PROGRAM_CHANNELS = (0.80, 0.09, 0.05, 0.03, 0.03)
"""Share of each channel among honest accounts that run programs; whoever uses a browser has a subscription."""

SPREAD_CHANNELS = (0.38, 0.22, 0.12, 0.18, 0.10)
"""The same for a campaign that spreads over all of them."""


def hides(column: str, part: str) -> Array:
    """Whether each channel holds a column back, shape (channels,) bool.

    Args:
        part: "hidden" for the log, "withheld" for the table of accounts.
    """
    return np.array([column in getattr(way, part) for way in CHANNELS])
