"""What `stillhunt model prove` says before it asks anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stillhunt import Config
from stillhunt.tools import formatting
from stillhunt_evidence.pages.trained_models import used_of_harvested

if TYPE_CHECKING:  # torch, which takes seconds
    from stillhunt_model.proof.proving import CampaignHarvest, ProofContext
    from stillhunt_model.proof.suspects import Suspect

_SHORT_DIGEST = 12


def describe_planned_proof(
    suspect: Suspect,
    harvests: Sequence[CampaignHarvest],
    config: Config,
    left: int,
    *,
    is_endpoint: bool,
    drawn_by: str = "",
) -> list[str]:
    """What will be asked, of whom, and what it takes to conclude.

    `left`: places in the register. `drawn_by`: the server that draws control answers; empty for none.
    """
    settings = config.model
    answers = formatting.join_some(
        [f"{one.campaign_id}: {used_of_harvested(len(one.answers), one.requests)}" for one in harvests], 5
    )
    lines = [
        f"Suspect: {suspect.name} (SHA-256 {suspect.fingerprint[:_SHORT_DIGEST]})",
        f"Answers that are asked about, {answers}",
        f"Answers to honest accounts, to compare: {min((len(one.honest) for one in harvests), default=0):,}",
        f"Budget: at most {formatting.plural(settings.queries, 'query', 'queries')} for all campaigns together",
        f"Register: {left:,} of {settings.pairs:,} places left; this uses at most {len(harvests):,}",
        f"Bar: corrected p-value {settings.alpha:g}, which is {settings.alpha / settings.pairs:.1g} before correction",
    ]
    from stillhunt_model.proof.control_answers import describe_left_out  # torch, which takes seconds

    lines += [
        f"Left out, because control answers cannot be drawn like them, {one.campaign_id}: {left_out}"
        for one in harvests
        if (left_out := describe_left_out(one.answers))
    ]
    receivers = ["this endpoint"] * is_endpoint + [drawn_by] * bool(drawn_by)
    if receivers:
        lines.append(
            "Prompts and parts of answers, of the harvest and of the honest answers, are sent to "
            f"{' and '.join(receivers)}, and to nobody else."
        )
    return lines


def describe_price(suspect: Suspect, harvests: Sequence[CampaignHarvest], context: ProofContext) -> list[str]:
    """What all queries would cost at most, by the teacher's tokens of the prompts; nothing where no price is known."""
    price, texts = suspect.budget.price, [one for harvest in harvests for one in (*harvest.answers, *harvest.honest)]
    if price is None or not texts:
        return []
    from stillhunt_model.endpoints.client import GUESSED_TOKEN_BYTES  # httpx, which takes a tenth of one
    from stillhunt_model.nets.net import plain_ids  # torch, which takes seconds

    # A teacher whose weights are not here has no tokens yet, but bytes.
    bytes_each = 1.0 if context.drawn_by is None else GUESSED_TOKEN_BYTES
    asked = sum(map(len, plain_ids(context.teacher, [one.prompt for one in texts]))) / len(texts)
    answered = max(map(len, plain_ids(context.teacher, [one.answer for one in texts])))
    cost = price.cost(asked / bytes_each, answered / bytes_each) * suspect.budget.most
    queries = formatting.plural(suspect.budget.most, "query", "queries")
    stop = f"it stops at {price.most:,.2f} USD, and what was answered is kept"
    return [f"Price: at most about {cost:,.2f} USD for {queries}; {stop}"]
