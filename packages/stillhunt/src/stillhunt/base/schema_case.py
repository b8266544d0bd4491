"""The tables of a case folder: a contract with the outside, names and types change only with `CASE_VERSION`.

Columns, types and meanings are in `tables_of_case.toml`; the rest of the program takes the tables from `schema.py`.
"""

import pyarrow as pa

from stillhunt.base.shape import Table, read_tables

CASE_VERSION = 9
"""Version of the case folder, written to run.json; raised whenever a table, a column or what a value means changes."""
READABLE_VERSIONS = (7, 8, CASE_VERSION)
"""Versions of cases that are read, and shown as they were: version 7 has no explanations beside a harvest, and of
harvested requests versions 7 and 8 have ids alone, by slice."""
DERIVABLE_VERSIONS = READABLE_VERSIONS[1:]
"""Versions whose verdicts follow by the rules of this one, so that packs are made of them, and rebuilt."""
VERDICTS = ("act", "review", "none")
ROLES = ("dedicated", "mixed", "pool", "victim", "unknown")
"""It only harvests; it sends cover of its own, too; customers of a reseller use it, too; its customer's key was taken;
not known."""
HARVEST_OPERATION = "harvest"
POSING_OPERATION = "posing"
OPERATION_KINDS = (HARVEST_OPERATION, POSING_OPERATION, "account_farm", "relay", "not_known")
"""A work queue for answers; one operator's accounts that pose as separate customers; many accounts of one person;
accounts through which many people ask; a group left alone."""
_TABLES = read_tables("tables_of_case.toml")
CASE_ACCOUNTS = _TABLES["case_accounts"]
MEMBERS = _TABLES["members"]
SLICES = _TABLES["slices"]
HARVEST = _TABLES["harvest"]
HARVEST_FACTS = HARVEST.names[3:]
"""What version 9 tells of each harvested request."""
CAMPAIGNS = _TABLES["campaigns"]
EVIDENCE = _TABLES["evidence"]
SAMPLES = _TABLES["samples"]
TIMELINE = _TABLES["timeline"]
ORIGINS = _TABLES["origins"]
MEMBER_DETAILS = _TABLES["member_details"]
ADDRESS_KINDS = ("address", "network")
"""An IP address; its /24 (IPv4) or /48 (IPv6)."""
ADDRESSES = _TABLES["addresses"]
CITED = _TABLES["cited"]
TAKEN_ASPECTS = ("all", "range", "model", "skill", "subject", "language")
TAKEN = _TABLES["taken"]
PHRASE_HASHES = _TABLES["phrases"]
ACCOUNT_FACTS = _TABLES["account_facts"]
RELATIONS = ("one_operator", "one_pool", "two_operators")
"""One operator runs the campaigns; they use the same accounts; they were found as one and are two."""
CASE_OPERATORS = _TABLES["operators"]
REJECTS = _TABLES["rejects"]
CASE_TABLES: dict[str, Table] = {
    "accounts": CASE_ACCOUNTS,
    "members": MEMBERS,
    "slices": SLICES,
    "harvest": HARVEST,
    "campaigns": CAMPAIGNS,
    "evidence": EVIDENCE,
    "operators": CASE_OPERATORS,
    "rejects": REJECTS,
}
"""File stem in the case folder -> its table."""
CASE_VIEWS: dict[str, Table] = {
    "samples": SAMPLES,
    "timeline": TIMELINE,
    "origins": ORIGINS,
    "member_details": MEMBER_DETAILS,
    "addresses": ADDRESSES,
    "cited": CITED,
    "taken": TAKEN,
    "phrases": PHRASE_HASHES,
}
"""File stem in the case folder -> table that only readers need; no finding depends on it."""


def add_missing_facts(harvest: pa.Table) -> pa.Table:
    """Harvested requests as an earlier version wrote them, in the shape of today: what it did not tell is null."""
    if tuple(harvest.column_names) != HARVEST.names[:3]:
        return harvest
    for column in HARVEST.columns[3:]:
        harvest = harvest.append_column(column.name, pa.nulls(harvest.num_rows, column.type))
    return harvest
