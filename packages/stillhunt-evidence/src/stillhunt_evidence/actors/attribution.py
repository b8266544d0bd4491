"""Compares one campaign of a case with the actors of a file, and names one only where nothing is against it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from stillhunt.case import Case, resolve_id
from stillhunt.tools import formatting
from stillhunt_evidence.actors.actors_file import Actor, ActorsFile, KnownActors
from stillhunt_evidence.actors.decision import (
    ActorComparison,
    contradictions,
    reasons_against_naming,
    why_in_short,
)
from stillhunt_evidence.actors.observed import SeenCampaign, SeenCase, seen_case
from stillhunt_evidence.actors.parameters import MARK_RULES, NAMING
from stillhunt_evidence.actors.purpose_marks import known_campaign_marks, purpose_marks
from stillhunt_evidence.actors.share_marks import ActorOnCampaign, KnownTexts, share_marks
from stillhunt_evidence.actors.weights import Mark, Weight, actor_prior, learned_priors, posterior, weigh_marks


def what_is_missing(first: ActorComparison, *, named: bool) -> Iterator[str]:
    """What would be needed to be surer that the likeliest actor runs the campaign, or to rule it out."""
    whose = first.name if named else _UNNAMED
    for mark in first.marks:
        if not mark.known:
            said = mark.statement[:1].lower() + mark.statement[1:]
            yield formatting.sentence(f"{mark.kind.replace('_', ' ')}: {said}")
    costly = {mark.source for mark in first.weight.by_source.values() if mark.costly}
    wanted = [text for source, text in _COSTLY.items() if source not in costly]
    if not named and wanted:
        yield f"What is costly to plant would count most: {formatting.join_words(wanted)}."
    absent = [words for words, has in _FIELDS if not has(first.actor)]
    if absent:
        yield f"The file says nothing of {whose}'s {formatting.join_words(absent)}."
    if any(client.versions for client in first.actor.client):
        yield "Versions of clients were not compared: a case has only families of clients."


def alternatives(
    case: SeenCase, seen: SeenCampaign, first: ActorComparison, other: float, *, named: bool
) -> Iterator[str]:
    """Explanations that remain beside the likeliest actor."""
    who = first.name if named else _UNNAMED
    yield (
        f"Somebody who is not in the file: {formatting.probability(other)} under its prior, which is an assumption "
        "about how complete the file is."
    )
    costly = [mark for mark in first.weight.by_source.values() if mark.costly]
    if costly:
        kinds = formatting.join_words([_PLANTING[mark.source] for mark in costly])
        yield (
            f"A false flag: somebody who wants {who} to be accused. It would need {kinds}. Whoever has that "
            "leaves the same marks, and no log can show the difference."
        )
    elif first.weight.by_source:
        yield (
            f"A false flag: every mark of {who} that was found can be copied by anybody who knows it, and such "
            f"marks count {formatting.distance_bits(MARK_RULES.cheap_cap)} at most together."
        )
    yield f"A supplier of {who}, or a customer of the same supplier, that works for somebody else."
    if case.sets_of(seen.campaign_id, "one_pool"):
        yield "Its accounts are a pool that other campaigns use, too; a pool may serve several operators."
    if case.sets_of(seen.campaign_id, "two_operators"):
        yield "It was found together with another campaign, as one group of two operators; some accounts may be wrong."


_UNNAMED = "the first compared actor"
"""What an actor is called that is not named: the list of actors says which it is."""
_COSTLY = {
    "network": "nearly all accounts in a network that is the actor's own, over the whole time",
    "tie": "a payment instrument or a sign-up network in common with a known campaign of it",
    "purpose": "a model with these skills whose date nobody outside knew before the campaign ended",
}
_PLANTING = {
    "network": "control of the actor's own network for nearly all accounts and the whole time",
    "tie": "the actor's payment instruments or sign-up networks",
    "purpose": "knowledge of a date of publication before it was announced",
}
_FIELDS: tuple[tuple[str, Callable[[Actor], bool]], ...] = (
    ("own networks", lambda actor: any(one.own for one in actor.network)),
    ("known campaigns", lambda actor: bool(actor.known.campaigns)),
    ("published models", lambda actor: bool(actor.model)),
    ("texts", lambda actor: bool(actor.phrases)),
    ("clients", lambda actor: bool(actor.client)),
)
"""What the file may say of an actor, and whether it does."""


_DIGITS = 6
_MOST_OTHERS = 20  # Other campaigns of the case from which priors are learned (bounds the time)


@dataclass(frozen=True)
class Attribution:
    """What a comparison with known actors says of one campaign."""

    campaign_id: str
    decision: Literal["named", "abstained"]
    statement: str  # the result in one sentence; where nobody is named, without names and probabilities
    actors: tuple[ActorComparison, ...]
    somebody_else: float  # probability that somebody runs it who is not in the file
    reasons: tuple[str, ...]  # why nobody is named; empty where somebody is
    missing: tuple[str, ...]
    alternatives: tuple[str, ...]
    bar: float  # probability from which an actor is named
    digest: str  # SHA-256 of the actors file

    @property
    def named(self) -> str | None:
        """The actor that is named, as the file has it; None where nobody is."""
        return self.actors[0].actor.name if self.decision == "named" else None

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it, the same for the same case and file."""
        return {
            "campaign_id": self.campaign_id,
            "decision": self.decision,
            "actor": self.named,
            "statement": self.statement,
            "bar": self.bar,
            "somebody_else": round(self.somebody_else, _DIGITS),
            "reasons": list(self.reasons),
            "missing": list(self.missing),
            "alternatives": list(self.alternatives),
            "actors": [_actor_dict(one) for one in self.actors],
            "actors_file_sha256": self.digest,
        }


def attribute(case: Case, campaign_id: str, actors: KnownActors) -> Attribution:
    """Compare one campaign with the actors of a file.

    The result says what the marks are consistent with. It never proves who runs a campaign: whoever controls what an
    actor alone should control leaves the same marks.

    Args:
        case: a case; what its views lack is not known.
        campaign_id: id, or the beginning of one, of a campaign or a group left alone.

    Raises:
        CaseError: no campaign has this id, or several begin with it.
    """
    _, name = resolve_id(case.tables, str(campaign_id), ("campaign",))
    return attribute_seen(seen_case(case, actors.hashes), name, actors)


def attribute_seen(case: SeenCase, name: str, actors: KnownActors) -> Attribution:
    """As `attribute`, for many campaigns of one case."""
    seen = case.campaigns[name] if name in case.campaigns else case.groups[name]
    compared = _compare_known_actors(case, seen, actors.file)
    ranked = sorted(compared[0], key=lambda one: (-one.probability, -one.weight.bits, one.actor.name))
    first, others = ranked[0], ranked[1:]
    reasons = reasons_against_naming(case, seen, first, others)
    decision: Literal["named", "abstained"] = "abstained" if reasons else "named"
    return Attribution(
        campaign_id=name,
        decision=decision,
        statement=(
            f"Nobody is named: {why_in_short(seen, first)}."
            if reasons
            else f"The marks of the campaign are consistent with {first.name} "
            f"(probability {formatting.probability(first.probability)})."
        ),
        actors=(
            first,
            *(replace(one, contradictions=tuple(contradictions(case, seen, first, one, one.name))) for one in others),
        ),
        somebody_else=compared[1],
        reasons=tuple(reasons),
        missing=tuple(what_is_missing(first, named=not reasons)),
        alternatives=tuple(alternatives(case, seen, first, compared[1], named=not reasons)),
        bar=NAMING.bar,
        digest=actors.digest,
    )


def _compare_known_actors(case: SeenCase, seen: SeenCampaign, file: ActorsFile) -> tuple[list[ActorComparison], float]:
    found = _weigh_known_actors(case, seen, file)
    listed = [name for actor in file.actor for name in actor.known.campaigns]
    others = [
        [weight.bits for _, weight in _weigh_known_actors(case, one, file)]
        for one in case.others(seen.campaign_id, listed)[:_MOST_OTHERS]
    ]
    stated = actor_prior(len(found), file.somebody_else)
    priors = learned_priors(others, len(found), file.somebody_else)
    probabilities, other = posterior([weight.bits for _, weight in found], priors, stated)
    together = zip(file.actor, found, probabilities, priors, strict=True)
    return [ActorComparison(actor, *weighed, chance, prior) for actor, weighed, chance, prior in together], other


def _weigh_known_actors(case: SeenCase, seen: SeenCampaign, file: ActorsFile) -> list[tuple[tuple[Mark, ...], Weight]]:
    """The marks of each actor in one campaign and what they weigh; kept, since all campaigns are compared with it."""
    key = seen.campaign_id, id(file)
    if key not in case.weighed:
        texts, found = KnownTexts(case.seed), []
        for actor in file.actor:
            on = ActorOnCampaign(seen, case, actor, file.common)
            marks = [*share_marks(on, texts), *purpose_marks(on, file.as_of), *known_campaign_marks(on)]
            marks.sort(key=lambda mark: (-mark.bits, not mark.known, mark.kind))
            found.append((tuple(marks), weigh_marks(marks)))
        case.weighed[key] = file, found  # with the file, so that no other gets its number
    weighed: list[tuple[tuple[Mark, ...], Weight]] = case.weighed[key][1]
    return weighed


def _actor_dict(one: ActorComparison) -> dict[str, Any]:
    weight = one.weight
    return {
        "name": one.actor.name,
        "aliases": list(one.actor.aliases),
        "sources": list(one.actor.sources),
        "prior": round(one.prior, _DIGITS),
        "probability": round(one.probability, _DIGITS),
        "bits": round(weight.bits, _DIGITS),
        "costly_bits": round(weight.costly, _DIGITS),
        "cheap_bits": round(weight.cheap, _DIGITS),
        "bits_against": round(weight.against, _DIGITS),
        "contradictions": list(one.contradictions),
        "marks": [_mark_dict(mark) for mark in one.marks],
    }


def _mark_dict(mark: Mark) -> dict[str, Any]:
    return {
        "kind": mark.kind,
        "source": mark.source,
        "costly_to_plant": mark.costly,
        "known": mark.known,
        "bits": round(mark.bits, _DIGITS),
        "coverage": None if mark.coverage is None else round(mark.coverage, _DIGITS),
        "statement": formatting.sentence(mark.statement),
    }
