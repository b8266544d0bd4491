"""What is missing to be surer of an attribution, and which other explanations remain."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from stillhunt.tools import formatting
from stillhunt_evidence.actors.actors_file import Actor
from stillhunt_evidence.actors.decision import ActorComparison
from stillhunt_evidence.actors.observed import SeenCampaign, SeenCase
from stillhunt_evidence.actors.parameters import MARK_RULES


def what_is_missing(first: ActorComparison, *, named: bool) -> Iterator[str]:
    """What would be needed to be surer that the likeliest actor runs the campaign, or to rule it out.

    Yields:
        Sentences.
    """
    whose = first.name if named else _UNNAMED
    for mark in first.marks:
        if not mark.known:
            yield formatting.sentence(f"{mark.kind.replace('_', ' ')}: {_lower(mark.statement)}")
    costly = {mark.source for mark in first.weight.by_source.values() if mark.costly}
    wanted = [text for source, text in _COSTLY.items() if source not in costly]
    if not named and wanted:
        yield f"What is costly to plant would count most: {formatting.join_words(wanted)}."
    absent = [words for words, has in _FIELDS if not has(first.actor)]
    if absent:
        yield f"The file says nothing of {whose}'s {formatting.join_words(absent)}."
    if any(client.versions for client in first.actor.client):
        yield "Versions of clients were not compared: a case has families of clients alone."


def alternatives(
    case: SeenCase, seen: SeenCampaign, first: ActorComparison, other: float, *, named: bool
) -> Iterator[str]:
    """Explanations that remain beside the likeliest actor.

    Args:
        other: probability of somebody who is not in the file.
        named: the likeliest actor is named.

    Yields:
        Sentences.
    """
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


def _lower(statement: str) -> str:
    return statement[:1].lower() + statement[1:]


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
