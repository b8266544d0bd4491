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

    `left`: places in the register. `drawn_by`: model and address of the server that draws control answers; empty for
    none.
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
        scored = " The endpoint gets answers, too, if it scores them." * is_endpoint
        lines.append(
            "Prompts, of the harvest and of the honest answers, are sent to "
            f"{' and '.join(receivers)}, and to nobody else.{scored}"
        )
    return lines


def describe_price(
    suspect: Suspect, harvests: Sequence[CampaignHarvest], context: ProofContext, *, is_endpoint: bool
) -> list[str]:
    """What all queries to an endpoint take at most: money if its price is known, else tokens, by the teacher."""
    texts = [one for harvest in harvests for one in (*harvest.answers, *harvest.honest)]
    if not is_endpoint or not texts:
        return []
    from stillhunt_model.endpoints.client import GUESSED_TOKEN_BYTES  # httpx, which takes a tenth of one
    from stillhunt_model.nets.net import plain_ids  # torch, which takes seconds

    # A teacher whose weights are not here has no tokens yet, but bytes.
    most = suspect.budget.most / (1.0 if context.drawn_by is None else GUESSED_TOKEN_BYTES)
    asked = sum(map(len, plain_ids(context.teacher, [one.prompt for one in texts]))) / len(texts) * most
    answered = max(map(len, plain_ids(context.teacher, [one.answer for one in texts]))) * most
    queries = formatting.plural(suspect.budget.most, "query", "queries")
    price = suspect.budget.price
    if price is None:
        tokens = f"{asked / 1e6:,.2f} million tokens in and {answered / 1e6:,.2f} million out for {queries}"
        return [f"Price: at most about {tokens}; --price and --max-usd limit the money"]
    stop = f"it stops at {price.most:,.2f} USD, and the same run goes on with a higher limit"
    return [f"Price: at most about {price.cost(asked, answered):,.2f} USD for {queries}; {stop}"]
