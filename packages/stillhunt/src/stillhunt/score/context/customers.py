"""The customer table, coded: what is known of the accounts beside the log, and which mail domains are disposable.

Which providers are public is measured (`open_customers.P.shared_domain`), for they have many customers. A disposable
domain may have few in one log, and so look like a firm's own; only a list knows better. The list is an extra
(stillhunt[enrich]); without it no domain is known to be disposable. `run.json` says which list was used.
"""

import functools
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import Ints
from stillhunt.base.coded import coded
from stillhunt.base.column_files import mapped_array
from stillhunt.base.units import HOUR

PACKAGE = "disposable-email-domains"


@functools.cache
def _listed_domains() -> frozenset[str]:
    try:
        from disposable_email_domains import blocklist  # an extra; what it adds is small
    except ImportError:
        return frozenset()
    return frozenset(blocklist)


def list_version() -> str:
    """Version of the installed list of disposable domains; empty where there is none."""
    return importlib.metadata.version(PACKAGE) if _listed_domains() else ""


def disposable(domains: Sequence[str | None]) -> Ints:
    """1 for each domain that is disposable, itself or by a parent domain, else 0.

    Source:
        The list of github.com/disposable-email-domains/disposable-email-domains (CC0).
    """
    listed = _listed_domains()
    return np.array([_is_disposable(domain, listed) for domain in domains], np.int32)


def _is_disposable(domain: str | None, listed: frozenset[str]) -> bool:
    while domain:
        if domain in listed:
            return True
        domain = domain.partition(".")[2]
    return False


CODED_COLUMNS = (
    "organization_id",
    "plan",
    "email_domain",
    "payment_fingerprint",
    "payment_country",
    "signup_prefix",
    "signup_country",
)
INSTITUTION = r"\.(edu|gov|ac)(\.[a-z]{2})?$"
"""Mail domains that are given to institutions only: their people come from many countries and hide nothing by that."""


_WINDOW = 12 * HOUR  # µs: windows in which bursts of sign-ups are seen (a working session of one operator)


@dataclass(frozen=True)
class Customers:
    """Columns of ACCOUNTS for the accounts of a log."""

    # by name, one code an account (-1 = unknown); `institution` is 1 where the mail domain is one that only
    # institutions get, `disposable` where anybody gets an address there for an hour, `created_at` is a bin of
    # `SignUpParameters.window`. Empty where there is no table.
    codes: dict[str, Ints] = field(default_factory=dict)
    organisations: pa.Array | None = None  # organisation of each account by name; null where the table names none
    signup_networks: pa.Array | None = None  # hash of the network of each sign-up, as that of a request; null unknown


def read_customers(accounts: pa.Table | None, ids: pa.Array) -> Customers:
    """Code the customer table."""
    if accounts is None:
        return Customers()
    position = pc.index_in(ids, value_set=accounts.column("account_id").combine_chunks())
    found = pc.fill_null(position, -1).to_numpy(zero_copy_only=False)
    out = {name: _align_codes(coded(accounts.column(name)), found) for name in CODED_COLUMNS}
    domains = pc.dictionary_encode(accounts.column("email_domain")).combine_chunks()
    named = pc.match_substring_regex(domains.dictionary, INSTITUTION)
    institution = named.to_numpy(zero_copy_only=False).astype(np.int32)
    for name, of_domain in (("institution", institution), ("disposable", disposable(domains.dictionary.to_pylist()))):
        # No domain is no institution's, nor disposable.
        of_code = np.append(of_domain, np.int32(0))
        out[name] = np.where(found >= 0, of_code[out["email_domain"]], np.int32(-1))
    created = pc.fill_null(accounts.column("created_at").cast(pa.int64()), -1).to_numpy()
    out["created_at"] = _align_codes(np.where(created < 0, -1, created // _WINDOW), found)
    raw = (accounts.column(name).combine_chunks().take(position) for name in ("organization_id", "signup_prefix"))
    return Customers(out, *raw)


def _align_codes(codes: Ints, found: Ints) -> Ints:
    if not len(codes):
        return np.full(len(found), -1, np.int32)
    aligned: Ints = np.where(found >= 0, codes[np.maximum(found, 0)], -1).astype(np.int32)
    pa.default_memory_pool().release_unused()  # of coding, which takes much more than codes where all values differ
    return mapped_array(aligned)
