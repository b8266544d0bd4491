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
    """Something that the terms forbid."""

    name: _Name
    kind: ClauseKind
    text: _Text  # what a case says of it: the paragraph, in your words
    # ISO 3166 codes that are not supported; territories have none of their own, and cannot be told
    countries: tuple[_Country, ...] = ()
    of: tuple[CountryOf, ...] = ("requests", "card", "phone", "sign-up")  # which countries count
    # `list`, a table of companies with name and, if you have them, identifier and share (per cent owned)
    owned_list: str = Field("", alias="list", max_length=4096)
    least_share: float = Field(50.0, ge=0, le=100)  # per cent from which a company counts as owned
    # a table that names customers: name and organization_id, account_id or email_domain, and identifier
    companies: str = Field("", max_length=4096)
    uses: tuple[_Words, ...] = ()  # words of a declared use that are forbidden
    models: tuple[_Words, ...] = ()  # names of models that `plans` may not use; everybody where there are none
    plans: tuple[_Words, ...] = ()
    # days that an account must be old at its first request in a campaign
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
    """Who may do what a clause forbids."""

    clause: _Name
    owner: _Words  # who answers for it
    until: date  # last day
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

    Raises ConfigError: it cannot be read, or an entry is not known, missing or contradicts another.
    """
    try:
        return ProviderTerms(**tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"the terms cannot be read: {error!s:.200}", where=str(path), next_step="mend or remove it"
        ) from error
    except (ValidationError, TypeError) as error:
        if not isinstance(error, ValidationError):
            raise ConfigError(
                "the terms have no version and no clause", where=str(path), next_step="see howto/signals.md"
            ) from error
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        said = "no such entry" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"{at}: {said}" if at else said, where=str(path), next_step="howto/signals.md describes terms"
        ) from error
