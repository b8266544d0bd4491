"""What `stillhunt model prove` does."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.base.progress import Progress
from stillhunt.base.whole_files import write_whole
from stillhunt.cli.exporting import refuse_existing
from stillhunt.cli.model.starting import start_models
from stillhunt.cli.options import pairs
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import message_console, output_console, print_bytes, print_columns, safe_lines
from stillhunt.triage import Case
from stillhunt.triage.lookup import resolve_id
from stillhunt_evidence.packs.contents import harvest_digest
from stillhunt_evidence.packs.proof_file import ProofDocument
from stillhunt_evidence.pages.trained_models import p_value, used_of_harvested
from stillhunt_model.proof.parameters import MOST_COMPARED_ANSWERS

if TYPE_CHECKING:  # start-up time: these need torch
    from stillhunt_model.proof.proving import CampaignHarvest, ProofContext
    from stillhunt_model.proof.suspects import Suspect
    from stillhunt_model.tasks.harvest_texts import HarvestedAnswer

_SHORT_DIGEST = 12


@dataclass(frozen=True)
class ProveOrder:
    """Whom to ask about what, as given on the command line."""

    suspect: str
    teacher: Path
    out: Path
    case: Path | None
    responses: tuple[str, ...]
    harvest: Path | None
    honest: Path | None
    campaigns: tuple[str, ...]
    references: tuple[Path, ...]
    model_name: str
    api_key_env: str
    queries: int | None
    orders: Path | None
    mapping: tuple[str, ...]
    force: bool
    settings_file: Path | None
    quiet: bool

    @property
    def is_endpoint(self) -> bool:
        """Whether the suspect is an address."""
        return "://" in self.suspect


def run_prove(order: ProveOrder, *, as_json: bool) -> bool:
    """Ask a suspect, write proof.json, and print what came of it.

    Returns:
        Whether the suspect was trained on the harvest of a campaign.

    Raises:
        StillhuntError: something that is needed is missing, the register refuses, or an endpoint fails.
    """
    _check(order)
    refuse_existing(order.out, force=order.force)
    overrides = {} if order.queries is None else {"model": {"queries": order.queries}}
    config = Config.load(overrides, file=order.settings_file)
    start_models(config)
    from stillhunt_model.orders.register import model_folder  # start-up time
    from stillhunt_model.proof.proving import prove_training  # start-up time
    from stillhunt_model.proof.report import proof_bytes, proof_document  # start-up time
    from stillhunt_model.proof.standard_tests import standard_tests  # start-up time
    from stillhunt_model.proof.trials import TrialRegister  # start-up time

    folder = model_folder(config)
    register = TrialRegister(folder, config.model.pairs)
    left = register.left()
    with open_progress(quiet=order.quiet) as progress:
        harvests = _harvests(order, config, progress)
        suspect, context = _opened(order, config, folder, progress)
        if not order.quiet:
            for line in _before(order, suspect, harvests, config, left):
                message_console().print(safe_lines(line), soft_wrap=True)
        now = datetime.fromtimestamp(int(time.time()), UTC)
        with closing(suspect):
            proven = prove_training(suspect, harvests, standard_tests(), context, register, now)
    document = proof_document(suspect, proven, context)
    write_whole(order.out, [proof_bytes(document)])
    if as_json:
        print_bytes(proof_bytes(document))
    else:
        _print(document)
    return bool(document.named)


def _check(order: ProveOrder) -> None:
    if (order.harvest is None) == (not order.responses):
        raise ConfigError(
            "harvested answers come from logs or from one file",
            where="prove",
            next_step="give one of the two",
            command_step="give --case with --responses, or --harvest",
        )
    if order.responses and order.case is None:
        raise ConfigError(
            "the logs do not say which answers were harvested; a case does",
            where="prove",
            next_step="name the case of the hunt",
            command_step="add --case CASE",
        )
    if order.is_endpoint and order.honest is None:
        raise ConfigError(
            "an endpoint gets prompts and parts of answers of honest accounts, to compare; logs are not sent unasked",
            where="prove",
            next_step="name a file of answers that you may send",
            command_step="add --honest FILE, with answers that you may send",
        )
    if order.harvest is not None and order.mapping:
        raise ConfigError(
            "--map has no effect here: only logs are read with it", where="prove", next_step="leave it out"
        )
    if not order.is_endpoint and (order.model_name or order.api_key_env):
        raise ConfigError(
            "only an endpoint has a name of its model and a key", where="prove", next_step="leave them out"
        )


def _harvests(order: ProveOrder, config: Config, progress: Progress) -> list[CampaignHarvest]:
    from stillhunt_model.proof.proving import CampaignHarvest  # start-up time
    from stillhunt_model.tasks.harvest_files import answers_of_file, honest_of_file  # start-up time
    from stillhunt_model.tasks.harvest_texts import check_harvested, check_honest  # start-up time

    named = _campaigns(order)
    limit = config.model.queries  # every answer that is asked about takes a query at least
    if order.harvest is not None:
        found = answers_of_file(order.harvest, named, config.seed, limit)
        if order.case is not None:
            check_harvested(order.case, found)
        honest: dict[str, list[HarvestedAnswer]] = {}
    else:
        found, honest = _of_logs(order, named, config, limit, progress)
    if order.honest is not None:
        others = honest_of_file(order.honest, config.seed, limit)
        check_honest(order.case, others, found)
        honest = dict.fromkeys(found, others)
    harvests = []
    for campaign, answers in found.items():
        digest: dict[str, Any] = {} if order.case is None else harvest_digest(order.case, campaign)
        others = honest.get(campaign, [])
        harvests.append(
            CampaignHarvest(
                campaign, tuple(answers), tuple(others), digest.get("requests", 0), digest.get("sha256", "")
            )
        )
    return harvests


def _of_logs(
    order: ProveOrder, campaigns: Sequence[str], config: Config, limit: int, progress: Progress
) -> tuple[dict[str, list[HarvestedAnswer]], dict[str, list[HarvestedAnswer]]]:
    """Campaign -> what it harvested, and -> answers to honest accounts, where no file has them."""
    from stillhunt_model.proof.control_answers import drawn_again, drawn_alone  # start-up time
    from stillhunt_model.tasks.harvest_texts import AnswerLogs, campaign_answers  # start-up time
    from stillhunt_model.tasks.honest_texts import honest_answers  # start-up time

    assert order.case is not None  # noqa: S101  # _check
    members = Case.read(order.case).members["account_id"].combine_chunks()
    source = AnswerLogs(order.case, members, list(order.responses), pairs(list(order.mapping), "--map"))
    found = campaign_answers(source, campaigns, config, limit, progress)
    if order.honest is not None:
        return found, {}
    compared = {campaign: drawn_again(answers)[:MOST_COMPARED_ANSWERS] for campaign, answers in found.items()}
    return found, honest_answers(source, compared, drawn_alone, config, progress)


def _campaigns(order: ProveOrder) -> list[str]:
    """Ids of the campaigns; none where a file alone says which there are."""
    if order.case is None:
        return list(dict.fromkeys(order.campaigns))
    case = Case.read(order.case)
    if order.campaigns:
        return list(dict.fromkeys(resolve_id(case.tables, one, ("campaign",))[1] for one in order.campaigns))
    rows = case.tables["campaigns"].select(["campaign_id", "verdict"]).to_pylist()
    return [row["campaign_id"] for row in rows if row["verdict"] == "act"]


def _opened(order: ProveOrder, config: Config, folder: Path, progress: Progress) -> tuple[Suspect, ProofContext]:
    from stillhunt_model.nets.loading import load_net  # start-up time
    from stillhunt_model.proof.endpoint import EndpointSuspect  # start-up time
    from stillhunt_model.proof.endpoint_client import Endpoint  # start-up time
    from stillhunt_model.proof.proving import ProofContext  # start-up time
    from stillhunt_model.proof.suspects import (  # start-up time
        QueryBudget,  # start-up time
        open_suspect,
        weights_fingerprint,
    )

    budget = QueryBudget(config.model.queries)
    suspect: Suspect
    if order.is_endpoint:
        suspect = EndpointSuspect(Endpoint(order.suspect, order.model_name, _key(order)), budget)
    else:
        suspect = open_suspect(Path(order.suspect), budget)
    references = tuple(open_suspect(path, QueryBudget.without_end()) for path in order.references)
    teacher = load_net(order.teacher)
    context = ProofContext(
        config, teacher, weights_fingerprint(order.teacher), references, order.orders or folder, budget.most, progress
    )
    return suspect, context


def _key(order: ProveOrder) -> str:
    if not order.api_key_env:
        return ""
    key = os.environ.get(order.api_key_env, "")
    if not key:
        raise ConfigError(
            "the environment variable of the endpoint's key is not set",
            where=order.api_key_env,
            next_step="set it to the key",
        )
    return key


def _before(
    order: ProveOrder, suspect: Suspect, harvests: Sequence[CampaignHarvest], config: Config, left: int
) -> list[str]:
    """What will be asked, of whom, and what it takes to conclude."""
    settings = config.model
    answers = formatting.join_some(
        [f"{one.campaign_id}: {used_of_harvested(len(one.answers), one.requests)}" for one in harvests], 5
    )
    lines = [
        f"Suspect: {suspect.name} (SHA-256 {suspect.fingerprint[:_SHORT_DIGEST]})",
        f"Answers that are asked about, {answers}",
        f"Answers to honest accounts, to compare: {min((len(one.honest) for one in harvests), default=0):,}",
        f"Budget: at most {formatting.plural(settings.queries, 'query', 'queries')} for all campaigns together",
        f"Register: {left:,} of {settings.pairs:,} places left; this uses {len(harvests):,}",
        f"Bar: corrected p-value {settings.alpha:g}, which is {settings.alpha / settings.pairs:.1g} before correction",
    ]
    if order.is_endpoint:
        lines.append(
            "Prompts and parts of answers, of the harvest and of the honest answers, are sent to this endpoint, and to "
            "nobody else."
        )
    return lines


def _print(document: ProofDocument) -> None:
    console = output_console()
    if document.named:
        console.print(safe_lines(f"{document.suspect.name} was trained on the harvest of {document.named}."))
    else:
        console.print(
            safe_lines(f"No conclusion on {document.suspect.name}: nothing reaches the bar. That does not clear it.")
        )
    rows: list[list[str]] = [
        ["campaign", "answers", "verdict", "p, corrected", "p", "test", "p of test", "queries", "note"]
    ]
    for campaign in document.campaigns:
        answers = used_of_harvested(campaign.answers, campaign.requests)
        first = [campaign.campaign_id, answers, campaign.verdict, p_value(campaign.corrected), p_value(campaign.p)]
        for test in campaign.tests:
            rows.append([*first, test.name, p_value(test.p), formatting.count(test.queries), test.note])
            first = [""] * len(first)
    print_columns(console, rows)
    powers = list(dict.fromkeys(test.power for one in document.campaigns for test in one.tests if test.power))
    _print_list("What the tests could have seen", powers)
    _print_list("What the p-value says", document.about)
    _print_list("What it does not show", document.not_shown)


def _print_list(title: str, sentences: Sequence[Any]) -> None:
    if sentences:
        output_console().print(f"\n{title}")
        print_columns(output_console(), [(" ", formatting.sentence(one)) for one in sentences])
