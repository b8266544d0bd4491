"""Text for the operator's terms of service: what may be done to answers, when, and how a customer objects."""

from __future__ import annotations

from collections.abc import Sequence

from stillhunt_model.blunt.measures import MEASURES, MeasureName
from stillhunt_model.blunt.notices import measure_in_words
from stillhunt_model.blunt.parameters import HONEST_FLAGGED_BOUND, KEEP_SAMPLES
from stillhunt_model.orders.order import LONGEST_ORDER_DAYS

_BEFORE = """\
<!-- A draft for the terms of service of the operator of a model. It is no legal advice: have it checked for your \
law, your contracts and your customers. Replace what stands in square brackets. -->

# Automated collection of answers

## What is not allowed

You may not use our answers to train a model that competes with ours, and you may not collect answers for that \
purpose through several accounts, resold access or automated questions, unless we agreed in writing. Declare a \
programme that we allow at [address]; it is then not treated as a collection.

## How we notice it

We compare how accounts use our service: what their requests have in common, when they are sent, with which clients, \
and how accounts were opened and paid for. A computer proposes; the finding says which evidence it rests on and how \
sure it is. Using our service much, or by a program, is no reason by itself.

## What we may do

If a group of accounts shows such a collection, and a person with a name has signed an order with a reason and an \
end, we may do the following to answers to the accounts of this group, and to nobody else's:
"""
_AFTER = """
We never replace a result by a wrong one, and we do not change facts, numbers, code or sources in an answer. No \
answer is changed silently: each changed answer carries a notice that says what was changed, and a refused request \
says that it was refused.

## How long

An order lasts at most {days} days and ends by itself. It is ended earlier if the finding turns out to be wrong. You \
may ask us whether an order applies to your account.

## If we are wrong

You can object at [address for appeals]. A person who did not sign the order decides within [number] days and gives \
reasons. If nobody decides in time, the order no longer applies to your account. [If the \
order was wrong, you get back what you paid for the answers that were changed or refused.] Measured on simulated \
traffic, fewer than {honest} in 100,000 honest accounts are flagged wrongly (upper 95 % bound); real traffic may differ.

## Research

Honest research is welcome: evaluations, audits, red-teaming and teaching. Tell us your purpose at [address] before \
you send many similar questions. Published results that criticise our model are no reason for an order.

## What we keep

The register of orders holds the campaign, the measure, the reason, the name of the person who signed, the times, \
and keyed hashes of accounts; no prompts or answers. It is kept for [number] months after an order has ended. \
Evidence on which a finding rests is kept for [number] months, or until an appeal or a court case has ended.
"""


def blunt_policy(measures: Sequence[MeasureName] = MEASURES, keep: int = KEEP_SAMPLES) -> str:
    """Text for the terms of service.

    Args:
        keep: useful samples of a campaign that are answered under a cap.
    """
    allowed = "\n".join(f"- **{measure}**: {measure_in_words(measure, keep)}" for measure in measures)
    after = _AFTER.format(days=LONGEST_ORDER_DAYS, honest=f"{HONEST_FLAGGED_BOUND * 100_000:g}")
    return f"{_BEFORE}\n{allowed}\n{after}"
