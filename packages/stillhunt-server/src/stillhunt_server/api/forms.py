"""Bodies of the API that people and portals send, and those that they get."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from stillhunt.decide.actions import REASON_TEXTS, Action, ReasonCode
from stillhunt.decide.appeals import MOST_APPEAL_CHARACTERS
from stillhunt.decide.persons import LONGEST_DAYS
from stillhunt.decide.table import InForce
from stillhunt_server.tokens import SCOPES

BUNDLE_TYPE = "application/gzip"
ROOT = "stillhunt"
"""Where the data lies in OPA: `data.stillhunt.decisions`."""


def bundle_of(counting: Mapping[str, InForce]) -> tuple[str, bytes]:
    """A bundle of the decisions that count now, and its revision: equal bytes for equal decisions.

    It has the end of each decision, since OPA goes on with what it has where it cannot reach the server; a rule should
    compare it with the time.
    """
    decisions = {account: _build_decision_content(counting[account]) for account in sorted(counting)}
    data = json.dumps({"decisions": decisions}, separators=(",", ":")).encode()
    revision = hashlib.sha256(data).hexdigest()[:32]
    manifest = json.dumps({"revision": revision, "roots": [ROOT]}).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in ((".manifest", manifest), (f"{ROOT}/data.json", data)):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return revision, gzip.compress(packed.getvalue(), mtime=0)


def _build_decision_content(entry: InForce) -> dict[str, str | int]:
    return {
        "action": entry.action,
        "reason": entry.reason,
        "message": REASON_TEXTS[entry.reason],
        "decision": entry.seq,
        "expires_at": datetime.fromtimestamp(entry.expires_at / 1e6, UTC).isoformat().replace("+00:00", "Z"),
    }


HIGHEST_NUMBER = 2**31 - 1
"""Of decisions and appeals: databases count no higher."""
_SAFE = r"^[^\x00]*$"
Person = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_SAFE)]
Note = Annotated[str, StringConstraints(max_length=2000, pattern=_SAFE)]
AccountId = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=_SAFE)]
Number = Annotated[int, Field(ge=1, le=HIGHEST_NUMBER)]


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True)


class NewDecision(_Sent):
    """A person's decision about an account."""

    account_id: AccountId
    action: Action
    by: Person = Field(description="Who decides.")
    note: Note = Field("", description="Why, for colleagues; no customer sees it.")
    days: float = Field(14.0, gt=0, le=LONGEST_DAYS, description="For how long.")
    reason: ReasonCode = Field("operator_decision", description="What the customer may be told.")
    override: bool = Field(default=False, description="Take precedence over all else, also to let an account through.")


class Undo(_Sent):
    """The end of a decision."""

    by: Person = Field(description="Who ends it.")
    note: Note = Field("", description="Why, for colleagues; no customer sees it.")


class NewAppeal(_Sent):
    """An appeal, as a customer portal files it."""

    decision: Number = Field(description="Number that came with the refusal.")
    account_id: AccountId
    text: str = Field(max_length=MOST_APPEAL_CHARACTERS, pattern=_SAFE, description="What the customer says.")


class AppealDecision(_Sent):
    """How an appeal is decided."""

    overturn: bool = Field(description="True: the decision was wrong, and the account is let through.")
    by: Person = Field(description="Who decides; must not have decided about this account.")
    note: Note = Field("", description="Why, for colleagues; no customer sees it.")


class NewToken(_Sent):
    """A token to be made."""

    name: Person = Field(description="What it is for.")
    scopes: list[Literal["ingest", "decide", "appeal", "admin"]] = Field(min_length=1, max_length=len(SCOPES))
    source: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")


class Rotation(_Sent):
    """How a token is replaced."""

    hours: float = Field(24.0, ge=0, le=24 * 365, description="How long the old token stays valid, too.")


class Decision(_Given):
    """An entry of the decision log."""

    seq: int
    made_at: datetime
    kind: Literal["rule", "case", "override", "undo"]
    account_id: str
    action: Action
    reason: ReasonCode
    author: str
    dry_run: bool
    starts_at: datetime
    expires_at: datetime
    campaign_id: str
    snapshot: int
    undoes: int
    note: str
    appeal_code: str = Field("", description="By which the customer can appeal at /appeal, with the number.")


class Decisions(_Given):
    """Decisions that count now."""

    revision: str = Field(description="Place and hash of the last entry of the log.")
    decisions: list[Decision]
    next: int | None = Field(description="`after` of the next page; null on the last one.")


class FiledAppeal(_Given):
    """What a customer may know of an appeal."""

    appeal_id: int
    decision: int
    status: Literal["open", "upheld", "overturned", "lapsed"]
    filed_at: datetime
    due_at: datetime
    decided_at: datetime | None


class FullAppeal(FiledAppeal):
    """An appeal with all that colleagues may know."""

    account_id: str
    text: str
    by: str
    decided_by: str | None
    note: str | None


class Appeals(_Given):
    """Appeals, the most urgent first."""

    appeals: list[FullAppeal]


class Share(_Given):
    """A share with its exact 95 % interval."""

    share: float
    low: float
    high: float


class Rates(_Given):
    """How often rules were wrong, as far as appeals tell."""

    acted_on: int
    appealed: int
    decided: int
    overturned: int
    lapsed: int
    of_acted_on: Share | None
    of_decided: Share | None
    misleads: str


class KnownToken(_Given):
    """A token without itself."""

    token_id: str
    name: str
    scopes: list[str]
    source: str
    made_at: datetime
    revoked_at: datetime | None


class KnownTokenList(_Given):
    """All tokens."""

    tokens: list[KnownToken]


class MadeToken(_Given):
    """A token, shown this once."""

    token: str


class Problem(_Given):
    """Why a request was not done."""

    error: str


class UsedHour(_Given):
    """Requests of one hour from one client, network and country, as far as findings name them."""

    hour: datetime
    client: str | None
    network: str | None
    country: str | None
    requests: int
    refused: int


class OwnDecision(_Given):
    """What was decided about an account, for its owner."""

    decision: int
    action: Action
    starts_at: datetime | None
    expires_at: datetime | None
    appeal_code: str


class KeyUse(_Given):
    """What happened to a key, for the customer whose account it is; it names nobody else."""

    account_id: str
    requests: int = Field(description="Harvested requests of the account in the latest snapshot.")
    hours: list[UsedHour]
    decisions: list[OwnDecision]
