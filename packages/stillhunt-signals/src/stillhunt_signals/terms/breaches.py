"""Who breaks which clause, by what a case or a table of accounts says of them; this is no evidence of a harvest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from stillhunt.tools import formatting, shorten
from stillhunt_signals.terms.companies import OwnedCompanies, read_named_rows, read_owned
from stillhunt_signals.terms.declared import Clause, ProviderTerms

ELSEWHERE = frozenset({"hosting", "vpn", "tor", "proxy", "relay"})
"""Kinds of addresses whose country says where a machine is, and not where people are."""
_COLUMNS = {"card": "payment_country", "phone": "phone_country", "sign-up": "signup_country"}
_FACTS_SHOWN = 4
_NAMED_KEYS = ("account_id", "organization_id", "email_domain")


@dataclass
class ClauseBreach:
    """What breaks one clause in one group of accounts."""

    clause: Clause
    accounts: set[str] = field(default_factory=set)
    facts: dict[str, set[str]] = field(default_factory=dict)  # what was seen -> accounts; most first
    excepted: dict[str, str] = field(default_factory=dict)  # account -> who answers for the exception, and until when

    def words(self, looked_at: int, version: str) -> str:
        """The breach in a sentence."""
        shown = sorted(self.facts.items(), key=lambda one: (-len(one[1]), one[0]))
        told = [f"{fact} ({formatting.plural(len(accounts), 'account')})" for fact, accounts in shown[:_FACTS_SHOWN]]
        if len(shown) > _FACTS_SHOWN:
            told.append(f"and {formatting.count(len(shown) - _FACTS_SHOWN)} more")
        who = formatting.part_of(len(self.accounts), looked_at, "account") if self.accounts else "no account"
        parts = [f"{who}: {'; '.join(told)}"] if told else []
        if self.excepted:
            by = ", ".join(sorted(set(self.excepted.values())))
            parts.append(f"{formatting.plural(len(self.excepted), 'account')} excepted by {by}")
        return f"{self.clause.text} (terms of {version}). {'; '.join(parts)}"


class TermsChecker:
    """Terms with their lists read, to be held against accounts.

    Raises ConfigError: a list that a clause names cannot be read.
    """

    def __init__(self, terms: ProviderTerms, folder: Path) -> None:
        self.terms = terms
        self._owned: dict[str, OwnedCompanies] = {}
        self._named: dict[str, dict[str, dict[str, Any]]] = {}
        for one in terms.clause:
            if one.kind == "owned":
                self._owned[one.name] = read_owned(folder / one.owned_list, one.least_share)
                self._named[one.name] = {
                    row[key]: row
                    for row in read_named_rows(folder / one.companies)
                    for key in _NAMED_KEYS
                    if row.get(key)
                }

    def breaches(self, accounts: Iterable[Mapping[str, Any]], models: Sequence[str], today: date) -> list[ClauseBreach]:
        """What breaks the terms in one group, clause by clause; clauses that nobody breaks are left out.

        Args:
            accounts: rows of MEMBER_DETAILS, or of ACCOUNTS, which know no requests.
            models: models that the group asked; what single accounts asked is not known.
            today: the day on which exceptions must be in force.
        """
        rows = list(accounts)
        found = []
        for clause in self.terms.clause:
            breach = ClauseBreach(clause)
            for row in rows:
                facts = self._facts_of(clause, row, models)
                if not facts:
                    continue
                account = row["account_id"]
                if excepted := self._exception_of(clause, row, today):
                    breach.excepted[account] = excepted
                    continue
                breach.accounts.add(account)
                for fact in facts:
                    breach.facts.setdefault(fact, set()).add(account)
            if breach.accounts or breach.excepted:
                found.append(breach)
        return found

    def _exception_of(self, clause: Clause, row: Mapping[str, Any], today: date) -> str:
        for one in self.terms.exception:
            named = row["account_id"] in one.accounts or row.get("organization_id") in one.organizations
            if one.clause == clause.name and named and today <= one.until:
                return f"{shorten(one.owner, 60)} until {one.until.isoformat()}"
        return ""

    def _facts_of(self, clause: Clause, row: Mapping[str, Any], models: Sequence[str]) -> list[str]:
        if clause.kind == "countries":
            return _country_facts(clause, row)
        if clause.kind == "owned":
            return self._company_facts(clause, row)
        if clause.kind == "uses":
            said = str(row.get("declared_use") or "").casefold()
            return [f"declared use: {shorten(use, 60)}" for use in clause.uses if use.casefold() in said]
        if clause.kind == "models":
            bound = not clause.plans or row.get("plan") in clause.plans
            asked = [one for one in clause.models if one in models] if bound else []
            return [f"the group asked {shorten(one, 60)}" for one in asked]
        return _age_facts(clause, row)

    def _company_facts(self, clause: Clause, row: Mapping[str, Any]) -> list[str]:
        named = next(
            (self._named[clause.name][row[key]] for key in _NAMED_KEYS if row.get(key) in self._named[clause.name]),
            None,
        )
        if named is None:
            return []
        match = self._owned[clause.name].match(named["name"] or "", named.get("identifier") or "")
        if match is None:
            return []
        return [f"{shorten(named['name'] or '', 80)} may be {match.words}; {match.company.share:g} % owned"]


def _country_facts(clause: Clause, row: Mapping[str, Any]) -> list[str]:
    facts = [
        f"{of} {row[column]}"
        for of, column in _COLUMNS.items()
        if of in clause.of and row.get(column) in clause.countries
    ]
    if "requests" in clause.of:
        kinds = set(row.get("ip_kinds") or ())
        where = "of addresses of unknown kind"
        if kinds:
            where = (
                "through VPN or hosting, which says nothing of residence" if kinds <= ELSEWHERE else "from residence"
            )
            where = (
                where if not kinds & ELSEWHERE or kinds <= ELSEWHERE else "from residence and through VPN or hosting"
            )
        facts += [f"requests {one} {where}" for one in row.get("countries") or () if one in clause.countries]
    return facts


def _age_facts(clause: Clause, row: Mapping[str, Any]) -> list[str]:
    opened, first = row.get("created_at"), row.get("first_seen")
    if not (isinstance(opened, datetime) and isinstance(first, datetime)):
        return []
    days = (first - opened).total_seconds() / 86_400
    return [f"younger than {clause.least_days:g} days"] if days < clause.least_days else []
