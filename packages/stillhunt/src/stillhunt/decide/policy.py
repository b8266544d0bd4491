"""The policy: a small declared file that says what rules may do, with the place of each error."""

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from stillhunt.base.errors import ConfigError
from stillhunt.base.ids import kept_id
from stillhunt.base.schema_case import HARVEST_OPERATION, OPERATION_KINDS
from stillhunt.decide.actions import HIGHEST_CEILING, Action, ReasonCode, rank
from stillhunt.watch.folder import POLICY_FILE

MOST_POLICY_BYTES = 1 << 20
SIGNATURE_RULE = "signature"
"""Name under which decisions about linked accounts stand in the log."""
_TABLE = re.compile(r"(\s*)(\[\[?)\s*([\w.\-]+)\s*\]\]?")
_KEY = re.compile(r"(\s*)([\w\-]+)\s*=\s*")
_LONG_NUMBER = re.compile(r"(?<![0-9_])(?:[0-9]_?){1000,}")
_PLACED = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")


_POLICY_STEP = "docs/howto/decide.md has one to begin with"
AModel = TypeVar("AModel", bound=BaseModel)


def _known_kind(kind: str) -> str:
    if kind not in OPERATION_KINDS:
        raise ValueError(f"no such kind; choose one of: {', '.join(OPERATION_KINDS)}")
    return kind


Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
OperationKind = Annotated[str, AfterValidator(_known_kind)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


RuleState = Literal["off", "simulated", "in_force"]
"""It decides nothing; it decides and nothing of that is ever in force; what it decides counts, if `mode` lets it."""


class RuleTerms(_Strict):
    """What any rule does; of several rules that fit an account, the strongest counts."""

    name: Name  # its name, which decisions carry
    state: RuleState = "in_force"
    action: Action
    days: float = Field(14.0, gt=0, le=365)
    reason: ReasonCode = "automated_collection"  # what the customer may be told


class Rule(RuleTerms):
    """What happens to members of campaigns that fit."""

    verdict: tuple[Literal["act", "review"], ...] = ("act",)  # verdicts of the campaign that fit
    kind: tuple[OperationKind, ...] = (HARVEST_OPERATION,)  # kinds of the campaign that fit
    # roles of the account that fit
    role: tuple[Literal["dedicated", "mixed", "unknown"], ...] = ("dedicated", "mixed", "unknown")
    probability: Share = 0.99  # least probability that the account is a member


class Exempt(_Strict):
    """Whom no rule touches, beside declared programmes."""

    accounts: tuple[Annotated[str, AfterValidator(kept_id)], ...] = ()


class SignatureTerms(_Strict):
    """What happens to replacement accounts that a campaign's signature links while their requests arrive."""

    # to a single request that shows the template by itself, before its account is linked
    first_request: Action = "observe"
    linked: Action = "observe"
    days: float = Field(3.0, gt=0, le=365)
    reason: ReasonCode = "linked_accounts"  # what the customer may be told


class ThrottleTerms(_Strict):
    """What `throttle` means."""

    requests_per_minute: int = Field(10, ge=0, le=1_000_000)


class LimitTerms(_Strict):
    """What `limit` means: models that are refused, with * for any letters."""

    models: tuple[Annotated[str, Field(min_length=1, max_length=256)], ...] = ()


SignUpAnswer = Literal["none", "step_up", "hold"]
"""Nothing; the new customer must prove something first; a person looks at the sign-up first."""


class SignUpTerms(_Strict):
    """What is answered when somebody signs up; without this section, what is known and nothing else."""

    # where card, device, mail or network tie the sign-up to a campaign of now or before
    campaign: SignUpAnswer = "none"
    least_bits: float = Field(8.0, gt=0, le=100)  # bits of these ties from which they count
    free_tiers: SignUpAnswer = "none"  # where the same card, device or mail has several free tiers, this one counted
    least_free_tiers: int = Field(2, ge=2, le=100)  # so many
    # plans that are free tiers, as the accounts table and the question name them
    trial_plans: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ("free", "trial")


class AppealTerms(_Strict):
    """How appeals against decisions are treated."""

    days: float = Field(7.0, gt=0, le=90)  # in which a person decides an appeal
    # for how long an account is let through after an appeal that was granted
    let_through_days: float = Field(90.0, gt=0, le=3650)
    # lift: an appeal against a rule that nobody decided in time is granted. keep: it stays open.
    overdue: Literal["lift", "keep"] = "lift"


class Policy(_Strict):
    """What rules may do, and what actions mean."""

    # dry_run: decisions are recorded and never in force. enforce: they are.
    mode: Literal["dry_run", "enforce"] = "dry_run"
    ceiling: Action = "step_up"  # the strongest action of a rule; persons may go beyond
    # accounts for which rules may begin something stronger than tag within 24 hours
    accounts_per_day: int = Field(100, ge=0, le=10_000_000)
    # bounds between which a rule's decision waits before it begins
    delay_minutes: tuple[Annotated[float, Field(ge=0, le=10_080)], Annotated[float, Field(ge=0, le=10_080)]] = (
        0.0,
        0.0,
    )
    # accounts that were opened longer before their campaign began are tagged at most by rules: an operation can imitate
    # an old customer, and not the age of its account; 0 = all are treated alike
    established_days: float = Field(90.0, ge=0, le=36_500)
    kill_switch: bool = False  # rules decide nothing, and what they decided is undone
    # keep: where the decision log was changed or lost, what stood when it was last verified goes on being enforced, and
    # nothing that came later. stop: nothing is enforced, and gateways do what was chosen for failures.
    changed_log: Literal["keep", "stop"] = "keep"
    exempt: Exempt = Exempt()
    rule: tuple[Rule, ...] = ()
    signature: SignatureTerms = SignatureTerms()  # what happens to accounts that a signature links
    sign_up: SignUpTerms = SignUpTerms()  # what is answered when somebody signs up
    throttle: ThrottleTerms = ThrottleTerms()  # what that action means, of persons too
    limit: LimitTerms = LimitTerms()  # what that action means, of persons too
    # actions that wait, where a person decides them, until a second person approves them
    second_person: tuple[Action, ...] = ()
    appeals: AppealTerms = AppealTerms()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if rank(self.ceiling) > rank(HIGHEST_CEILING):
            raise ValueError(f"rules go to {HIGHEST_CEILING} at most; only persons block")
        if self.delay_minutes[0] > self.delay_minutes[1]:
            raise ValueError("delay_minutes: the first bound is above the second")
        names = [rule.name for rule in self.rule]
        if len(set(names)) < len(names):
            raise ValueError("two rules have one name")
        for rule in self.rule:
            if rank(rule.action) > rank(self.ceiling):
                raise ValueError(f"rule {rule.name}: {rule.action} is above the ceiling, {self.ceiling}")
        if SIGNATURE_RULE in names:
            raise ValueError(f"no rule may have the name {SIGNATURE_RULE}; it is that of the section [signature]")
        for action in (self.signature.first_request, self.signature.linked):
            if rank(action) > rank(self.ceiling):
                raise ValueError(f"signature: {action} is above the ceiling, {self.ceiling}")
        return self


def read_policy(path: Path) -> Policy:
    """The policy in a file.

    `path`: TOML, at most 1 MiB. Raises ConfigError: it cannot be read, or something in it is unknown, malformed or
    contradictory; with line and column.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_POLICY_BYTES + 1)
    except OSError as error:
        raise _make_policy_error(error.strerror or "it cannot be read", str(path)) from error
    if len(content) > MOST_POLICY_BYTES:
        raise _make_policy_error("it is larger than 1 MiB", str(path))
    return parse_policy(content, str(path))


def parse_policy(content: bytes, name: str = POLICY_FILE) -> Policy:
    """The policy in a text; a ConfigError as of `read_policy`."""
    return parse_declared(content, Policy, "policy", name, next_step=_POLICY_STEP)


def parse_declared(
    content: bytes, model: type[AModel], what: str, name: str, *, next_step: str, part: str = "setting"
) -> AModel:
    """A small declared file in TOML, as a model.

    Args:
        what: the file declares, for errors.
        name: of the file, for errors.
        part: what its entries are called in errors.

    Raises:
        ConfigError: as `read_policy`.
    """

    def refuse(why: str, where: str) -> ConfigError:
        return ConfigError(f"the {what} cannot be used: {why}", where=where, next_step=next_step)

    try:
        text = content.decode()
        found = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise refuse("it is not UTF-8", f"{name}:{line}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        placed = _PLACED.search(str(error))
        place = f":{placed[1]}:{placed[2]}" if placed and placed[1] else ""
        raise refuse(f"it is no TOML: {_PLACED.sub('', str(error))[:200]}", f"{name}{place}") from error
    except ValueError as error:  # Python's limit for the digits of an integer, which tomllib lets through
        number = _LONG_NUMBER.search(text)
        before = text[: number.start()] if number else ""
        place = f":{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}" if number else ""
        raise refuse("a number in it has too many digits", f"{name}{place}") from error
    try:
        return model.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        path = tuple(part for part in first["loc"] if isinstance(part, str | int))
        why = f"no such {part}" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        setting = ".".join(str(part + 1 if isinstance(part, int) else part) for part in path)
        line, column = place_of(text, path)
        raise refuse(f"{setting}: {why}" if setting else why, f"{name}:{line}:{column}") from error


def place_of(text: str, path: Sequence[str | int]) -> tuple[int, int]:
    """Line and column, from 1, of what a path names; of what is around it where it is not found.

    `text`: TOML as people write it: one key a line. `path`: names, and numbers from 0 for tables that repeat and for
    items of a list.
    """
    wanted, best = tuple(path), (1, 1)
    table: tuple[str | int, ...] = ()
    repeated: Counter[tuple[str | int, ...]] = Counter()
    for at, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table, names = (), header[3].split(".")
            for depth, name in enumerate(names, 1):
                table = (*table, name)
                repeated[table] += header[2] == "[[" and depth == len(names)
                if repeated[table]:
                    table = (*table, repeated[table] - 1)
            if table == wanted[: len(table)]:
                best = (at, len(header[1]) + 1)
        elif (key := _KEY.match(line)) and (*table, key[2]) == wanted[: len(table) + 1]:
            return at, len(key[1]) + 1
    return best


def _make_policy_error(what: str, where: str) -> ConfigError:
    return ConfigError(f"the policy cannot be used: {what}", where=where, next_step=_POLICY_STEP)
