"""Disposable mail: domains at which anybody gets an address for an hour, where the list of them is installed.

Which providers are public is measured (`open_customers.P.shared_domain`), for they have many customers. A disposable
domain may have few in one log, and so look like a firm's own; only a list knows better. The list is an extra
(stillhunt[enrich]); without it no domain is known to be disposable. `run.json` says which list was used.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Sequence

import numpy as np

from stillhunt.score.stats.arrays import Ints

PACKAGE = "disposable-email-domains"


@functools.cache
def _listed() -> frozenset[str]:
    try:
        from disposable_email_domains import blocklist  # an extra; what it adds is small
    except ImportError:
        return frozenset()
    return frozenset(blocklist)


def list_version() -> str:
    """Version of the installed list of disposable domains; empty where there is none."""
    return importlib.metadata.version(PACKAGE) if _listed() else ""


def disposable(domains: Sequence[str | None]) -> Ints:
    """1 for each domain that is disposable, itself or by a parent domain, else 0.

    Args:
        domains: mail domains in lower case; None is no domain.

    Source:
        The list of github.com/disposable-email-domains/disposable-email-domains (CC0).
    """
    listed = _listed()
    return np.array([_one(domain, listed) for domain in domains], np.int32)


def _one(domain: str | None, listed: frozenset[str]) -> bool:
    while domain:
        if domain in listed:
            return True
        domain = domain.partition(".")[2]
    return False
