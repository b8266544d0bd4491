"""What may tie two campaigns, and how much of it makes one operator of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stillhunt.base import formatting
from stillhunt.base.parameters import read_parameters


class TieParameters(NamedTuple):
    """Parameters of ties."""

    kind_bits: float
    independent_kinds: int
    cap_bits: float
    settings_cap_bits: float


P = read_parameters(TieParameters, "score.ties")


@dataclass(frozen=True)
class TieKind:
    """One kind of tie."""

    name: str
    source: str  # kinds of one source are not independent: a program brings settings, a network signs up and sends
    decisive: bool = False  # True where at least one such kind is needed for one operator
    verb: str = ""  # what the accounts do with a value; empty where there are no values
    noun: str = ""
    rest: str = ""  # what stands behind the noun

    @property
    def cap_bits(self) -> float:
        """Most bits, of one value and in all."""
        return P.settings_cap_bits if self.name == "settings" else P.cap_bits

    @property
    def one_coincidence(self) -> bool:
        """Whether all values together are one coincidence, as the dates of one operation are."""
        return self.name == "created_at"

    def statement(self, sharing: int, accounts: int, values: int) -> str:
        """The tie in one sentence; `sharing` is the number of accounts of both campaigns that share a value."""
        who = formatting.sentence_case(formatting.part_of(sharing, accounts, "account"))
        what = self.noun if values == 1 else formatting.plural(values, self.noun)
        return f"{who} of both campaigns {self.verb} the same {what}{self.rest}"


KINDS = (
    TieKind("client_fingerprint", "program", True, "use", "client fingerprint", " (user agent and TLS)"),
    TieKind("payment_fingerprint", "card", True, "pay with", "payment instrument"),
    TieKind("signup_prefix", "network", True, "signed up from", "network"),
    TieKind("email_domain", "mail", False, "have mail addresses at", "domain"),
    TieKind("client_prefix", "network", False, "send from", "network", " (/24 or /48)"),
    TieKind("template", "wording", False, "use", "template"),
    TieKind("created_at", "sign-up", False, "signed up within", "window", " of 12 hours"),
    TieKind("settings", "program", False, "use", "combination", " of temperature, top_p and max_tokens"),
)
SCHEDULE = TieKind("schedule", "schedule")


@dataclass(frozen=True)
class Tie:
    """One kind of tie between two campaigns."""

    kind: TieKind
    bits: float
    statement: str


def one_operator(ties: Sequence[Tie]) -> bool:
    """True where enough independent kinds tie two campaigns, and one of them is decisive."""
    strong = [tie for tie in ties if tie.bits >= P.kind_bits]
    sources = {tie.kind.source for tie in strong}
    return len(sources) >= P.independent_kinds and any(tie.kind.decisive for tie in strong)
