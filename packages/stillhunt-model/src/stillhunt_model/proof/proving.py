"""Asking one suspect about campaigns: the register first, then the tests, each within its share of the budget."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from stillhunt import Config, ConfigError, InputError
from stillhunt.tools import Progress
from stillhunt_model.endpoints.budget import QueryBudget, QueryBudgetError
from stillhunt_model.endpoints.client import EndpointError
from stillhunt_model.marks.keys import StandingMarks
from stillhunt_model.nets.net import Net
from stillhunt_model.proof.control_answers import describe_left_out, drawn_again
from stillhunt_model.proof.parameters import MOST_CONTROL_ANSWERS, P
from stillhunt_model.proof.replies import stop_of_replies
from stillhunt_model.proof.suspects import LocalSuspect, Suspect
from stillhunt_model.proof.teachers import DrawSource
from stillhunt_model.proof.trials import PlannedTrial, TrialPlace, TrialRegister
from stillhunt_model.proof.verdict import CONTROLS_TEST, TEST_WEIGHTS, CombinedVerdict, ProofResult, weighed_verdict
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer, texts_digest


@dataclass(frozen=True)
class CampaignHarvest:
    """What one campaign harvested."""

    campaign_id: str
    # a sample of it, in an order that depends on nothing but request ids and the seed
    answers: tuple[HarvestedAnswer, ...]
    # answers of the same models and days to accounts that nobody suspects, in such an order
    honest: tuple[HarvestedAnswer, ...]
    requests: int = 0  # harvested requests in the case; 0 without a case
    requests_sha256: str = ""  # of the list of their ids; empty without a case


@dataclass(frozen=True)
class ProofContext:
    """What a test has beside the suspect and the harvest."""

    config: Config
    teacher: Net  # where its weights are not here, what reads texts in its place
    teacher_fingerprint: str
    # models of the suspect's kind that were not trained on the harvest; their queries do not count
    references: tuple[LocalSuspect, ...]
    marks: StandingMarks | None  # keys of the standing mark; None where there is none
    queries: int  # that the test may take; the budget of the suspect refuses more only when all of it is used
    progress: Progress
    drawn_by: DrawSource | None = None  # what draws control answers; None for the teacher itself
    replies: Path = Path()  # file in which replies of the suspect are kept; `prove_training` names it

    @property
    def seed(self) -> int:
        """Of all draws."""
        return self.config.seed

    @property
    def compared_with(self) -> list[Suspect]:
        """The teacher, and the models that the user named; their queries do not count."""
        return [LocalSuspect(self.teacher, self.teacher_fingerprint, QueryBudget.without_end()), *self.references]


class ProofTest(Protocol):
    """One test; its p-value is valid whatever the suspect was trained on, if that was not the harvest."""

    @property
    def name(self) -> str:
        """One of `TEST_WEIGHTS`."""

    def run(self, suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> ProofResult:
        """Test one suspect for one campaign.

        `suspect`: to be asked at most `context.queries` times. Returns the result; with p = 1 and a note where the test
        cannot run.
        """


@dataclass(frozen=True)
class ProvenCampaign:
    """What came of one campaign."""

    harvest: CampaignHarvest
    place: TrialPlace
    results: tuple[ProofResult, ...]
    verdict: CombinedVerdict


def prove_training(
    suspect: Suspect,
    harvests: Sequence[CampaignHarvest],
    tests: Sequence[ProofTest],
    context: ProofContext,
    register: TrialRegister,
    now: datetime,
) -> list[ProvenCampaign]:
    """Test one suspect for campaigns.

    Args:
        suspect: not asked about a campaign before its places in the register are written.
        context: its `queries` are replaced by the share of each test.

    Raises:
        ConfigError: the suspect is the teacher or a reference, or the register has too few places or refuses.
        InputError: a campaign has no answers, or none that a test can use, or an endpoint cannot be reached; then no
            place is used. Or an endpoint fails later; then its place waits for the same run.
    """
    _check_proof_inputs(suspect, harvests, context)
    _reach_models(suspect, context)
    places = register.enter([_plan_proof_trial(suspect, one, context) for one in harvests], now)
    waiting = sum(TEST_WEIGHTS[test.name] for test in tests) * len(harvests)
    proven = []
    for harvest, place in zip(harvests, places, strict=True):
        results = []
        with context.progress.stage(f"asking about {harvest.campaign_id}", len(tests), "tests") as advance:
            for test in tests:
                share = int(suspect.budget.left * min(1.0, TEST_WEIGHTS[test.name] / waiting))
                waiting -= TEST_WEIGHTS[test.name]
                results.append(
                    _run_proof_test(
                        test, suspect, harvest, replace(context, queries=share, replies=register.replies_file(place))
                    )
                )
                advance(1)
        verdict = weighed_verdict(results, place.pairs, context.config.model.alpha)
        proven.append(ProvenCampaign(harvest, place, tuple(results), verdict))
    # Not before all are done: what stops at one campaign would else cost the same run another place for each before it.
    for one in proven:
        verdict = one.verdict
        register.conclude(one.place, {"p": verdict.p, "corrected": verdict.corrected, "verdict": verdict.verdict})
    return proven


def _reach_models(suspect: Suspect, context: ProofContext) -> None:
    """See that suspect and teacher answer at all, so that one that does not costs no place."""
    try:
        suspect.reach()
        if context.drawn_by is not None:
            context.drawn_by.reach()
    except EndpointError as error:
        raise InputError(
            error.what,
            where=error.where,
            next_step="see that the address, the model's name and the key are right; no place in the register was used",
        ) from error


def strongest(proven: Sequence[ProvenCampaign]) -> ProvenCampaign:
    """The campaign with the smallest p-value; of several the one whose id comes first."""
    return min(proven, key=lambda one: (one.verdict.p, one.harvest.campaign_id))


def _plan_proof_trial(suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> PlannedTrial:
    return PlannedTrial(
        suspect.fingerprint,
        harvest.campaign_id,
        texts_digest(harvest.answers),
        texts_digest(harvest.honest),
        context.teacher_fingerprint,
        tuple(one.fingerprint for one in context.references),
        context.seed,
    )


def _run_proof_test(test: ProofTest, suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> ProofResult:
    before = suspect.asked
    try:
        result = test.run(suspect, harvest, context)
    except QueryBudgetError as error:
        if suspect.budget.is_spent:  # more money brings a result, so that the place waits
            raise stop_of_replies(error, "what was answered to control questions is kept") from error
        result = ProofResult(test.name, 1.0, note="it needed more queries than the budget has")
    return replace(result, queries=suspect.asked - before)


def _check_proof_inputs(suspect: Suspect, harvests: Sequence[CampaignHarvest], context: ProofContext) -> None:
    if not harvests:
        raise ConfigError(
            "there is no campaign to ask about",
            where="campaigns",
            next_step="name one; without a name only campaigns with the verdict act count",
            command_step="name one with --campaign; without it only campaigns with the verdict act count",
        )
    for one in harvests:
        if not one.answers:
            raise InputError(
                f"no harvested answer of {one.campaign_id} was found",
                where="responses",
                next_step="give the logs of that hunt, with the answers in them, or a file of harvested answers",
                command_step="give --responses the logs of that hunt, with the answers in them, or --harvest a file",
            )
    if suspect.fingerprint == context.teacher_fingerprint:
        raise ConfigError("the suspect is the teacher itself", where=suspect.name, next_step="name another model")
    if suspect.fingerprint in {one.fingerprint for one in context.references}:
        raise ConfigError(
            "the suspect is one of the reference models",
            where=suspect.name,
            next_step="name references that were not trained on the harvest",
        )
    if context.drawn_by is not None and context.marks is not None:
        raise ConfigError(
            "answers have the standing mark, and only the teacher's weights can mark control answers alike",
            where=context.drawn_by.name,
            next_step="name the teacher's model folder or GGUF file",
            command_step="give --teacher its model folder or GGUF file",
        )
    _check_usable(harvests, context)


def _check_usable(harvests: Sequence[CampaignHarvest], context: ProofContext) -> None:
    """Refuse a campaign for which no test can reach the bar, whatever the suspect says: its place would be lost."""
    needed = answers_needed(context)
    for one in harvests:
        if context.marks is not None and context.marks.has_group(one.campaign_id):
            continue
        for kind, answers in (("harvested answers", one.answers), ("answers to honest accounts", one.honest)):
            usable = len(drawn_again(answers))
            if usable < needed:
                left_out = describe_left_out(answers)
                raise InputError(
                    f"no test can reach the bar for {one.campaign_id}: its accounts have no key of a mark, and "
                    f"{usable:,} {kind} can be drawn again, where {needed:,} are needed at least"
                    + (f"; left out: {left_out}" if left_out else ""),
                    where="responses" if answers is one.answers else "answers to honest accounts",
                    next_step=f"give more of the same models and days, whose temperature is known and "
                    f"{P.least_temperature:g} or more, to requests without system instructions, history or other "
                    "settings; no place in the register was used",
                )


def answers_needed(context: ProofContext) -> int:
    """Harvested answers, and honest ones, without which the test of control answers cannot reach the bar."""
    return math.ceil(-math.log(largest_p(context)) / math.log(1 + MOST_CONTROL_ANSWERS))


def largest_p(context: ProofContext) -> float:
    """The largest p-value of the test of control answers that concludes."""
    settings = context.config.model
    return min(1.0, settings.alpha / settings.pairs * TEST_WEIGHTS[CONTROLS_TEST])
