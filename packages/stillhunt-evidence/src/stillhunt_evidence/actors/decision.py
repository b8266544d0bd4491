"""Whether an actor is named: every condition must hold, and each that does not is said."""

from collections.abc import Sequence
from dataclasses import dataclass

from stillhunt.case import HARVEST_OPERATION
from stillhunt.tools import formatting
from stillhunt_evidence.actors.actors_file import Actor
from stillhunt_evidence.actors.observed import SeenCampaign, SeenCase
from stillhunt_evidence.actors.parameters import MARK_RULES, NAMING
from stillhunt_evidence.actors.purpose_marks import tie_to
from stillhunt_evidence.actors.share_marks import network_test
from stillhunt_evidence.actors.weights import Mark, Weight

_KIND_BITS = 1.0  # bits: bits from which a kind counts as one that agrees (twice as common with the actor as without)
# Share of accounts in another actor's own network from which it contradicts (as the share from which a mark is in a
# part of a campaign)
_RIVAL_SHARE = 0.1

_NAME_CHARACTERS = 60


@dataclass(frozen=True)
class ActorComparison:
    """One actor beside one campaign."""

    actor: Actor
    marks: tuple[Mark, ...]  # each kind that the file gives, the strongest first
    weight: Weight
    probability: float
    prior: float  # the same without any mark of the campaign; other campaigns of the case moved what the file says
    # marks of it that keep a likelier one from being named; empty for the likeliest
    contradictions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name as it may be shown."""
        return formatting.shorten(self.actor.name, _NAME_CHARACTERS)


def reasons_against_naming(
    case: SeenCase, seen: SeenCampaign, first: ActorComparison, others: Sequence[ActorComparison]
) -> list[str]:
    """Why the likeliest actor is not named; empty where it is.

    The sentences have no names and no probabilities, since they are shown to readers who would take either for an
    answer.
    """
    return [
        *_of_the_campaign(seen),
        *_of_the_file(seen, first),
        *_of_the_marks(first),
        *dict.fromkeys(
            sentence for other in others for sentence in contradictions(case, seen, first, other, "another actor")
        ),
    ]


def why_in_short(seen: SeenCampaign, first: ActorComparison) -> str:
    """Why nobody is named, as half a sentence without a name or a probability."""
    if first.weight.bits <= 0:
        return "no mark of the campaign matches an actor in the file"
    if _of_the_campaign(seen):
        return "the campaign is too small, or not surely the work of one operator"
    if _of_the_file(seen, first):
        return "what the file says of an actor may have been written down from this very campaign"
    if _of_the_marks(first):
        return "the marks that agree with an actor of the file are too few, or too easy to plant"
    return "marks of several actors of the file contradict each other"


def _of_the_campaign(seen: SeenCampaign) -> list[str]:
    found = []
    row = seen.row
    if row["verdict"] != "act":
        found.append(f"The verdict on the campaign is {row['verdict']}: it is not certain that there is one operation.")
    elif row["kind"] != HARVEST_OPERATION:
        found.append("Many people use its accounts, and their marks are not those of an operator.")
    if row["accounts"] < NAMING.accounts:
        few = formatting.plural(row["accounts"], "account")
        found.append(f"The campaign has {few}; {NAMING.accounts} are needed.")
    return found


def _of_the_file(seen: SeenCampaign, first: ActorComparison) -> list[str]:
    """Why the file itself cannot be believed about this campaign: who lists it may have taken the marks from it."""
    if seen.campaign_id not in first.actor.known.campaigns:
        return []
    return [
        "The actors file lists this campaign as one of an actor's, so the marks that agree may have been taken from it."
    ]


def _of_the_marks(first: ActorComparison) -> list[str]:
    found = []
    if first.probability < NAMING.bar:
        found.append(
            f"No actor of the file has the probability of {formatting.exact_percent(NAMING.bar)} that is needed."
        )
    agreeing = [mark for mark in first.weight.by_source.values() if mark.bits >= _KIND_BITS]
    covering = [mark for mark in agreeing if mark.coverage is None or mark.coverage >= MARK_RULES.most]
    if len(covering) < NAMING.kinds:
        found.append(
            f"{formatting.sentence_case(formatting.in_words(len(covering), 'kind'))} of marks "
            f"{formatting.verb(len(covering), 'agrees', 'agree')} and "
            f"{formatting.verb(len(covering), 'covers', 'cover')} most of the campaign; {NAMING.kinds} are needed."
        )
    costly = sum(mark.bits for mark in covering if mark.costly)
    if not costly:
        found.append("No mark that agrees is costly to plant: all of them can be copied.")
    elif costly < NAMING.costly_bits:
        found.append(
            f"Marks that are costly to plant have {formatting.distance_bits(costly)}; "
            f"{formatting.distance_bits(NAMING.costly_bits)} are needed, since somebody may have planted one of them."
        )
    return found


def contradictions(
    case: SeenCase, seen: SeenCampaign, first: ActorComparison, other: ActorComparison, who: str
) -> list[str]:
    """Marks of another actor that keep the likeliest from being named."""
    found = []
    if _is_rival_actor(first, other):
        found.append(f"Marks of {who} are there, too, which the most likely actor does not explain.")
    networks = [one for one in other.actor.network if one.own]
    inside = seen.origin_coverage("network", network_test(networks)) if networks else None
    if inside is not None and inside.with_mark >= max(_RIVAL_SHARE * inside.accounts, 1):
        part = formatting.part_of(inside.with_mark, inside.accounts, "account")
        verb = formatting.verb(inside.with_mark, "sends", "send")
        found.append(f"{formatting.sentence_case(part)} mainly {verb} from {who}'s own network.")
    known = frozenset(other.actor.known.campaigns)
    tied = seen.campaign_id in known or any(
        tie_to(seen.campaign_id, rows, known) for rows in case.sets_of(seen.campaign_id, "one_operator")
    )
    if tied:
        found.append(f"The campaign is tied to a known campaign of {who}.")
    return found


def _is_rival_actor(first: ActorComparison, other: ActorComparison) -> bool:
    """True where marks of another actor exceed those of the first in two sources, and by enough bits together."""
    mine = {source: mark.bits for source, mark in first.weight.by_source.items()}
    more = [
        mark.bits - mine.get(source, 0.0)
        for source, mark in other.weight.by_source.items()
        if mark.bits - mine.get(source, 0.0) >= _KIND_BITS / 2
    ]
    return len(more) >= NAMING.kinds and sum(more) >= NAMING.rival_bits
