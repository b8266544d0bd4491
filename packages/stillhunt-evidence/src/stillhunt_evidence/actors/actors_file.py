"""The actors file: what is known of each actor, as its user declares it."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from stillhunt import ConfigError
from stillhunt.case import NO_SKILL, SKILLS, WORD_OF_PROMPT
from stillhunt.live import parse_declared
from stillhunt_evidence.actors.parameters import NAMING

KNOWN_SKILLS = (*(name for _, name in SKILLS), NO_SKILL)
"""Names of skills as cases have them."""


LEAST_PHRASE_WORDS = 5
"""Words of a known text; shorter ones recur by chance."""


def _known_skill(skill: str) -> str:
    if skill not in KNOWN_SKILLS:
        raise ValueError(f"no such skill; choose one of: {', '.join(KNOWN_SKILLS)}")
    return skill


def _long_enough(phrase: str) -> str:
    if len(WORD_OF_PROMPT.findall(phrase)) < LEAST_PHRASE_WORDS:
        raise ValueError(f"a text of fewer than {LEAST_PHRASE_WORDS} words recurs by chance; give more of it")
    return phrase


Rate = Annotated[float, Field(ge=0.001, le=1.0)]
Text = Annotated[str, Field(min_length=1, max_length=256)]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
HashDigits = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
KnownText = Annotated[str, Field(max_length=20_000), AfterValidator(_long_enough)]
Skill = Annotated[str, AfterValidator(_known_skill)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ActorNetwork(_Strict):
    """An autonomous system that an actor uses."""

    asn: int | None = Field(None, ge=1, le=4_294_967_295)
    name: str | None = Field(None, min_length=3, max_length=128)  # words of its name, where the number is not known
    own: bool = False  # only the actor can send from it, as far as is known; False for a hoster, a cloud or a carrier
    common: Rate | None = None  # share of other campaigns that mainly use it, where it is known

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if (self.asn is None) == (self.name is None):
            raise ValueError("give asn or name, and not both")
        return self


class ActorClient(_Strict):
    """A client program that an actor uses."""

    family: Text
    versions: tuple[Text, ...] = ()  # its versions; for the reader, since a case has families alone
    common: Rate | None = None


class WorkHours(_Strict):
    """When an actor works."""

    utc_offset: float = Field(ge=-12, le=14)
    begin: int = Field(ge=0, le=23)
    end: int = Field(ge=1, le=24)  # hour at which it ends; below `begin`, on the next day

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.begin == self.end % 24:
            raise ValueError("begin and end are the same hour")
        return self


class ActorSettings(_Strict):
    """Sampling settings that an actor uses: one of the values of each list; an empty list says nothing."""

    temperature: tuple[float, ...] = ()
    top_p: tuple[float, ...] = ()
    max_tokens: tuple[int, ...] = ()


class SignUpMarks(_Strict):
    """What the accounts of an actor have in a table of accounts."""

    email_domains: tuple[Text, ...] = ()
    payment_countries: tuple[CountryCode, ...] = ()
    phone_countries: tuple[CountryCode, ...] = ()
    signup_countries: tuple[CountryCode, ...] = ()
    organizations: tuple[Text, ...] = ()
    plans: tuple[Text, ...] = ()
    declared_uses: tuple[Text, ...] = ()


class PublishedModel(_Strict):
    """A model that an actor published."""

    name: Text
    released: date
    # day from which people outside of the actor knew that day; without it, they may have known all along
    announced: date | None = None
    skills: tuple[Skill, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.announced is not None and self.announced > self.released:
            raise ValueError("announced is after released")
        return self


class KnownCampaigns(_Strict):
    """Campaigns that were attributed to an actor before."""

    campaigns: tuple[Text, ...] = ()
    accounts: tuple[Text, ...] = ()
    addresses: tuple[HashDigits, ...] = ()  # keyed hashes of their addresses, as `addresses` of a case has them
    networks: tuple[HashDigits, ...] = ()  # keyed hashes of their networks (/24 or /48), likewise


class Actor(_Strict):
    """One actor."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    aliases: tuple[Text, ...] = ()
    sources: tuple[Text, ...] = ()
    network: tuple[ActorNetwork, ...] = ()
    client: tuple[ActorClient, ...] = ()
    countries: tuple[CountryCode, ...] = ()
    hours: WorkHours | None = None
    phrases: tuple[KnownText, ...] = ()
    settings: ActorSettings = ActorSettings()
    skills: tuple[Skill, ...] = ()
    sign_up: SignUpMarks = SignUpMarks()
    model: tuple[PublishedModel, ...] = ()
    known: KnownCampaigns = KnownCampaigns()


class BaseRates(_Strict):
    """Share of other campaigns with a value of each kind, where it is known; else the conservative built-in share."""

    network: Rate | None = None
    own_network: Rate | None = None
    address: Rate | None = None
    country: Rate | None = None
    hours: Rate | None = None
    client: Rate | None = None
    settings: Rate | None = None
    phrase: Rate | None = None
    sign_up: Rate | None = None
    account: Rate | None = None
    skill: Rate | None = None


class ActorsFile(_Strict):
    """All actors of a file."""

    version: Literal[1] = 1
    as_of: date | None = None  # day until which releases are complete; without it, that none followed says nothing
    # prior probability that somebody runs a campaign who is not in the file
    somebody_else: float = Field(NAMING.somebody_else, ge=0.2, le=0.99)
    common: BaseRates = BaseRates()
    actor: tuple[Actor, ...] = Field(min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        _refuse_twice((n.casefold() for a in self.actor for n in {a.name, *a.aliases}), "name or alias")
        _refuse_twice((c for a in self.actor for c in set(a.known.campaigns)), "known campaign")
        own = (str(n.asn or n.name) for a in self.actor for n in set(a.network) if n.own)
        _refuse_twice(own, "network that is an actor's own")
        return self


def _refuse_twice(values: Iterable[str], what: str) -> None:
    twice = sorted(value for value, times in Counter(values).items() if times > 1)
    if twice:
        raise ValueError(f"two actors have one {what}: {twice[0]}")


MOST_ACTORS_BYTES = 8 << 20
_NEXT_STEP = "docs/howto/attribute.md describes each field and has a file to begin with"


class KnownActors(NamedTuple):
    """Actors as they were read."""

    file: ActorsFile
    digest: str

    @property
    def hashes(self) -> list[str]:
        """Hashes of addresses and networks for which an actor is known."""
        return sorted({one for actor in self.file.actor for one in (*actor.known.addresses, *actor.known.networks)})


def read_actors(path: Path | str) -> KnownActors:
    """The actors of a file.

    `path`: TOML, at most 8 MiB; docs/howto/attribute.md describes it. Raises ConfigError: it cannot be read, or
    something in it is unknown, malformed or contradictory; with its line.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_ACTORS_BYTES + 1)
    except OSError as error:
        raise _build_actors_file_error(error.strerror or "it cannot be read", str(path)) from error
    if len(content) > MOST_ACTORS_BYTES:
        raise _build_actors_file_error("it is larger than 8 MiB", str(path))
    return parse_actors(content, str(path))


def parse_actors(content: bytes, name: str = "actors.toml") -> KnownActors:
    """The actors of a text."""
    found = parse_declared(content, ActorsFile, "actors file", name, next_step=_NEXT_STEP, part="field")
    return KnownActors(found, hashlib.sha256(content).hexdigest())


def _build_actors_file_error(what: str, where: str) -> ConfigError:
    return ConfigError(f"the actors file cannot be used: {what}", where=where, next_step=_NEXT_STEP)
