"""The terms that a provider declares: clauses, each with its reason, and exceptions, each with an owner and an end."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stillhunt import ConfigError

ClauseKind = Literal["countries", "owned", "uses", "models", "age"]
CountryOf = Literal["requests", "card", "phone", "sign-up"]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
_Words = Annotated[str, Field(min_length=1, max_length=200)]
_NEEDS: dict[ClauseKind, str] = {
    "countries": "countries",
    "owned": "list",
    "uses": "uses",
    "models": "models",
    "age": "least_days",
}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Clause(_Strict):
    """Something that the terms forbid.

    Attributes:
        text: what a case says of it: the paragraph, in your words.
        countries: ISO 3166 codes that are not supported; territories have none of their own, and cannot be told.
        of: which countries count.
        owned_list: `list`, a table of companies with name and, if you have them, identifier and share (per cent owned).
        least_share: per cent from which a company counts as owned.
        companies: a table that names customers: name and organization_id, account_id or email_domain, and identifier.
        uses: words of a declared use that are forbidden.
        models: names of models that `plans` may not use; everybody where there are none.
        least_days: days that an account must be old at its first request in a campaign.
    """

    name: _Name
    kind: ClauseKind
    text: _Text
    countries: tuple[_Country, ...] = ()
    of: tuple[CountryOf, ...] = ("requests", "card", "phone", "sign-up")
    owned_list: str = Field("", alias="list", max_length=4096)
    least_share: float = Field(50.0, ge=0, le=100)
    companies: str = Field("", max_length=4096)
    uses: tuple[_Words, ...] = ()
    models: tuple[_Words, ...] = ()
    plans: tuple[_Words, ...] = ()
    least_days: float = Field(0.0, ge=0, le=36_500)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Clause:
        needed = _NEEDS[self.kind]
        if not getattr(self, "owned_list" if needed == "list" else needed):
            raise ValueError(f"a clause about {self.kind} needs {needed}")
        if self.kind == "owned" and not self.companies:
            raise ValueError("a clause about owned companies needs companies, a table that names your customers")
        return self


class Exemption(_Strict):
    """Who may do what a clause forbids.

    Attributes:
        owner: who answers for it.
        until: last day.
    """

    clause: _Name
    owner: _Words
    until: date
    why: _Text
    accounts: tuple[_Words, ...] = ()
    organizations: tuple[_Words, ...] = ()


class ProviderTerms(_Strict):
    """All clauses, and the version of the terms that they come from."""

    version: _Words
    clause: tuple[Clause, ...] = Field(min_length=1)
    exception: tuple[Exemption, ...] = ()

    @model_validator(mode="after")
    def _names_fit(self) -> ProviderTerms:
        names = [one.name for one in self.clause]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"several clauses are called {twice[0]}")
        for one in self.exception:
            if one.clause not in names:
                raise ValueError(f"an exception is for the clause {one.clause}, which is not there")
            if not one.accounts and not one.organizations:
                raise ValueError(f"an exception for {one.clause} names nobody: accounts or organizations")
        return self


def read_terms(path: Path) -> ProviderTerms:
    """The terms in a file.

    Raises:
        ConfigError: it cannot be read, or an entry is not known, missing or contradicts another.
    """
    try:
        return ProviderTerms(**tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the terms cannot be read: {error!s:.200}", where=str(path)) from error
    except (ValidationError, TypeError) as error:
        if not isinstance(error, ValidationError):
            raise ConfigError("the terms have no version and no clause", where=str(path)) from error
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        said = "no such entry" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"{at}: {said}" if at else said, where=str(path), next_step="howto/signals.md describes terms"
        ) from error
