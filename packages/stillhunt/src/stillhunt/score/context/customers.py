"""The customer table: what is known of the accounts beside the log, coded."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.coded import coded
from stillhunt.base.units import HOUR
from stillhunt.score.context.disposable_mail import disposable
from stillhunt.score.stats.arrays import Ints

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
    """Columns of ACCOUNTS for the accounts of a log.

    Attributes:
        codes: by name, one code an account (-1 = unknown); `institution` is 1 where the mail domain is one that only
            institutions get, `disposable` where anybody gets an address there for an hour, `created_at` is a bin of
            `SignUpParameters.window`. Empty where there is no table.
        organisations: organisation of each account by name; null where the table names none.
    """

    codes: dict[str, Ints] = field(default_factory=dict)
    organisations: pa.Array | None = None


def read_customers(accounts: pa.Table | None, ids: pa.Array) -> Customers:
    """Code the customer table."""
    if accounts is None:
        return Customers()
    position = pc.index_in(ids, value_set=accounts.column("account_id").combine_chunks())
    found = pc.fill_null(position, -1).to_numpy(zero_copy_only=False)
    out = {name: _aligned(coded(accounts.column(name)), found) for name in CODED_COLUMNS}
    domains = pc.dictionary_encode(accounts.column("email_domain")).combine_chunks()
    institution = (
        pc.match_substring_regex(domains.dictionary, INSTITUTION).to_numpy(zero_copy_only=False).astype(np.int32)
    )
    for name, of_domain in (("institution", institution), ("disposable", disposable(domains.dictionary.to_pylist()))):
        # No domain is no institution's, nor disposable.
        of_code = np.append(of_domain, np.int32(0))
        out[name] = np.where(found >= 0, of_code[out["email_domain"]], np.int32(-1))
    created = pc.fill_null(accounts.column("created_at").cast(pa.int64()), -1).to_numpy()
    out["created_at"] = _aligned(np.where(created < 0, -1, created // _WINDOW), found)
    return Customers(out, accounts.column("organization_id").combine_chunks().take(position))


def _aligned(codes: Ints, found: Ints) -> Ints:
    if not len(codes):
        return np.full(len(found), -1, np.int32)
    aligned: Ints = np.where(found >= 0, codes[np.maximum(found, 0)], -1).astype(np.int32)
    return aligned
