"""`stillhunt model prove`: whether a model was trained on what campaigns harvested."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stillhunt import Config, ConfigError
from stillhunt.case import Case, resolve_id
from stillhunt.commands import (
    ForceFlag,
    JsonFlag,
    MapOption,
    QuietFlag,
    SettingsOption,
    message_console,
    open_progress,
    output_console,
    pairs,
    print_bytes,
    print_columns,
    refuse_existing,
    safe_lines,
)
from stillhunt.tools import Progress, formatting, write_whole
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_evidence.packs.contents import harvest_digest
from stillhunt_evidence.packs.proof_file import ProofDocument
from stillhunt_evidence.pages.trained_models import p_value, used_of_harvested
from stillhunt_model.commands.endpoint_key import read_endpoint_key
from stillhunt_model.commands.orders_shown import start_models
from stillhunt_model.commands.prove_plan import describe_planned_proof, describe_price
from stillhunt_model.commands.trials import open_trials, say_end_of_register
from stillhunt_model.endpoints.budget import QueryBudget, TokenPrice
from stillhunt_model.orders.register import model_folder
from stillhunt_model.proof.parameters import MOST_COMPARED_ANSWERS
from stillhunt_model.tasks.harvest_files import answers_of_file, honest_of_file
from stillhunt_model.tasks.harvest_texts import (
    AnswerLogs,
    HarvestedAnswer,
    campaign_answers,
    check_harvested,
    check_honest,
)
from stillhunt_model.tasks.honest_texts import honest_answers

if TYPE_CHECKING:  # torch, which takes seconds
    from stillhunt_model.endpoints.client import Endpoint
    from stillhunt_model.proof.proving import CampaignHarvest, ProofContext
    from stillhunt_model.proof.suspects import Suspect


_Answers = dict[str, list[HarvestedAnswer]]
CONCLUDED_EXIT_CODE = 3
"""Exit code when a suspect was trained on the harvest of a campaign."""


def prove(
    suspect: Annotated[
        str,
        typer.Argument(
            metavar="SUSPECT",
            help="Model folder, GGUF file, or address of an OpenAI-compatible endpoint (https://...).",
        ),
    ],
    teacher: Annotated[
        Path,
        typer.Option("--teacher", metavar="MODEL", help="Your model whose answers were harvested, as it was then."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PROOF.json", help="File to write the result to.")],
    case: Annotated[
        Path | None, typer.Option("--case", metavar="CASE", help="Case folder that has the campaigns.")
    ] = None,
    responses: Annotated[
        list[str] | None,
        typer.Option(
            "--responses", metavar="LOGS", help="Logs of that hunt, with the answers in them; may be repeated."
        ),
    ] = None,
    harvest: Annotated[
        Path | None,
        typer.Option(
            "--harvest",
            metavar="FILE",
            help="Harvested answers in place of logs: JSON lines with request_id, campaign_id, prompt, response.",
        ),
    ] = None,
    honest: Annotated[
        Path | None,
        typer.Option(
            "--honest",
            metavar="FILE",
            help="A file like --harvest, without campaign_id: answers of the same model and days to accounts that "
            "nobody suspects. Without it: those in the logs. Needed for an endpoint, since it gets them.",
        ),
    ] = None,
    campaign: Annotated[
        list[str] | None,
        typer.Option(
            "--campaign",
            metavar="ID",
            help="Campaign to ask about, or the beginning of its id; may be repeated. "
            "Without it: all with the verdict act.",
        ),
    ] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(
            "--reference",
            metavar="MODEL",
            help="Model of the suspect's kind that was not trained on the harvest; makes the test more powerful; "
            "may be repeated.",
        ),
    ] = None,
    model_name: Annotated[
        str, typer.Option("--model-name", metavar="NAME", help="Name of the suspect at its endpoint.")
    ] = "",
    api_key_env: Annotated[
        str,
        typer.Option(
            "--api-key-env", metavar="VAR", help="Environment variable with the endpoint's key; it is never shown."
        ),
    ] = "",
    prompt_form: Annotated[
        str,
        typer.Option(
            "--prompt-form",
            metavar="TEXT",
            help="How a prompt stands before the answer in completions, such as the chat template of the suspect; "
            "{prompt} is the prompt, and \\n a line feed.",
        ),
    ] = "{prompt}\\n",
    queries: Annotated[
        int | None,
        typer.Option("--queries", metavar="N", min=1, help="Maximum number of queries, in place of model.queries."),
    ] = None,
    max_usd: Annotated[
        float | None,
        typer.Option("--max-usd", metavar="USD", min=0.0, help="Most money that an endpoint may cost; needs --price."),
    ] = None,
    price: Annotated[
        tuple[float, float] | None,
        typer.Option("--price", metavar="IN OUT", help="What an endpoint costs: USD for a million tokens in and out."),
    ] = None,
    mapping: MapOption = None,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Test whether a model was trained on the answers that campaigns harvested.

    Runs up to two tests: whether the model inherited the campaign's mark, and whether it prefers the harvested answers
    to others that the teacher might as well have given. Gives one p-value, corrected for all pairs of suspect and
    campaign that the register of trials allows (model.pairs). Each run uses up a place in the register before anything
    is asked. Exit code 3 if it concludes that the model was trained on a campaign's harvest, 0 if it draws no
    conclusion; no test clears a model. An endpoint gets prompts and parts of answers, both harvested and honest; nobody
    else gets anything. One that gives text alone is asked for 10 to 50 replies to each prompt, which a model of yours
    learns. If a run breaks off, run the same again: it goes on where it was.
    """
    is_endpoint = "://" in suspect
    _check_sources(case, responses, harvest, mapping)
    _check_endpoint(honest, model_name, api_key_env, is_endpoint=is_endpoint)
    form = _read_prompt_form(prompt_form)
    allowed = _read_price(price, max_usd, is_endpoint=is_endpoint)
    refuse_existing(out, force=force)
    overrides = {} if queries is None else {"model": {"queries": queries}}
    config = start_models(settings_file, overrides)
    from stillhunt_model.proof.proving import prove_training  # torch, which takes seconds
    from stillhunt_model.proof.report import proof_bytes, proof_document  # torch, which takes seconds
    from stillhunt_model.proof.standard_tests import standard_tests  # torch, which takes seconds

    register = open_trials(config)
    left = register.left()
    with open_progress(quiet=quiet) as progress:
        named = _resolve_campaign_ids(case, campaign or [])
        if harvest is not None:
            found, others = _of_file(harvest, case, named, config)
        else:
            assert case is not None  # noqa: S101  # _check_sources
            source = _logs_of(case, responses or [], mapping)
            found, others = _of_logs(source, named, config, progress, wants_honest=honest is None)
        harvests = _build_campaign_harvests(found, others, case, honest, config)
        from stillhunt_model.endpoints.client import Endpoint  # httpx, which takes a tenth of one

        asked = Endpoint(suspect, model_name, read_endpoint_key(api_key_env), form) if is_endpoint else Path(suspect)
        opened, context = _open_suspect_and_context(asked, teacher, reference or [], config, progress)
        opened.budget.price = allowed
        if not quiet:
            said = describe_planned_proof(opened, harvests, config, left, is_endpoint=is_endpoint)
            for line in [*said, *describe_price(opened, harvests, context)]:
                message_console().print(safe_lines(line), soft_wrap=True)
        now = datetime.fromtimestamp(int(time.time()), UTC)
        with closing(opened):
            proven = prove_training(opened, harvests, standard_tests(), context, register, now)
    document = proof_document(opened, proven, context)
    write_whole(out, [proof_bytes(document)])
    if not quiet:
        message_console().print(safe_lines(say_end_of_register(register.verified_entries())), soft_wrap=True)
    if as_json:
        print_bytes(proof_bytes(document))
    else:
        _print_proof_document(document)
    if document.named:
        raise typer.Exit(CONCLUDED_EXIT_CODE)


def _check_sources(
    case: Path | None, responses: list[str] | None, harvest: Path | None, mapping: list[str] | None
) -> None:
    if (harvest is None) == (not responses):
        raise ConfigError(
            "harvested answers come from logs or from one file",
            where="prove",
            next_step="give one of the two",
            command_step="give --case with --responses, or --harvest",
        )
    if responses and case is None:
        raise ConfigError(
            "the logs do not say which answers were harvested; a case does",
            where="prove",
            next_step="name the case of the hunt",
            command_step="add --case CASE",
        )
    if harvest is not None and mapping:
        raise ConfigError(
            "--map has no effect here: only logs are read with it", where="prove", next_step="leave it out"
        )


def _check_endpoint(honest: Path | None, model_name: str, api_key_env: str, *, is_endpoint: bool) -> None:
    if is_endpoint and honest is None:
        raise ConfigError(
            "an endpoint gets prompts and parts of answers of honest accounts, to compare, never from logs",
            where="prove",
            next_step="name a file of answers that you may send",
            command_step="add --honest FILE, with answers that you may send",
        )
    if not is_endpoint and (model_name or api_key_env):
        raise ConfigError(
            "only an endpoint has a name of its model and a key", where="prove", next_step="leave them out"
        )


def _read_prompt_form(form: str) -> str:
    """The form with its line feeds."""
    if form.count("{prompt}") != 1:
        raise ConfigError(
            "the form of prompts does not say where the prompt is",
            where="prove",
            next_step="name it once in the form",
            command_step="write {prompt} once in --prompt-form, such as '<|user|>{prompt}<|assistant|>'",
        )
    return form.replace("\\n", "\n")


def _read_price(price: tuple[float, float] | None, max_usd: float | None, *, is_endpoint: bool) -> TokenPrice | None:
    if (price is None) != (max_usd is None) or (price is not None and not is_endpoint):
        raise ConfigError(
            "a limit of money needs an endpoint and its price",
            where="prove",
            next_step="give both or none",
            command_step="give --max-usd with --price IN OUT, in USD for a million tokens, or none of them",
        )
    if price is None or max_usd is None:
        return None
    return TokenPrice(*price, max_usd)


def _of_file(harvest: Path, case: Path | None, campaigns: Sequence[str], config: Config) -> tuple[_Answers, _Answers]:
    """Campaign -> what it harvested, and no answers to honest accounts."""
    found = answers_of_file(harvest, campaigns, config.seed, config.model.queries)
    if case is not None:
        check_harvested(case, found)
    return found, {}


def _logs_of(case: Path, responses: list[str], mapping: list[str] | None) -> AnswerLogs:
    members = Case.read(case).members["account_id"].combine_chunks()
    return AnswerLogs(case, members, responses, pairs(mapping, "--map"))


def _of_logs(
    source: AnswerLogs, campaigns: Sequence[str], config: Config, progress: Progress, *, wants_honest: bool
) -> tuple[_Answers, _Answers]:
    """Campaign -> what it harvested, and -> answers to honest accounts, where no file has them."""
    from stillhunt_model.proof.control_answers import drawn_again, why_not_drawn  # torch, which takes seconds

    found = campaign_answers(source, campaigns, config, config.model.queries, progress)
    if not wants_honest:
        return found, {}
    compared = {campaign: drawn_again(answers)[:MOST_COMPARED_ANSWERS] for campaign, answers in found.items()}
    return found, honest_answers(source, compared, lambda one: not why_not_drawn(one), config, progress)


def _build_campaign_harvests(
    found: _Answers, honest: _Answers, case: Path | None, honest_file: Path | None, config: Config
) -> list[CampaignHarvest]:
    from stillhunt_model.proof.proving import CampaignHarvest  # torch, which takes seconds

    if honest_file is not None:
        sent = honest_of_file(honest_file, config.seed, config.model.queries)
        check_honest(case, sent, found)
        honest = dict.fromkeys(found, sent)
    harvests = []
    for campaign, answers in found.items():
        digest: dict[str, Any] = {} if case is None else harvest_digest(case, campaign)
        others = tuple(honest.get(campaign, ()))
        requests, sha256 = digest.get("requests", 0), digest.get("sha256", "")
        harvests.append(CampaignHarvest(campaign, tuple(answers), others, requests, sha256))
    return harvests


def _resolve_campaign_ids(case: Path | None, named: list[str]) -> list[str]:
    """Ids of the campaigns; none where a file alone says which there are."""
    if case is None:
        return list(dict.fromkeys(named))
    tables = Case.read(case).tables
    if named:
        return list(dict.fromkeys(resolve_id(tables, one, ("campaign",))[1] for one in named))
    rows = tables["campaigns"].select(["campaign_id", "verdict"]).to_pylist()
    return [row["campaign_id"] for row in rows if row["verdict"] == "act"]


def _open_suspect_and_context(
    asked: Endpoint | Path, teacher: Path, references: list[Path], config: Config, progress: Progress
) -> tuple[Suspect, ProofContext]:
    from stillhunt_model.marks.keys import read_standing_marks  # torch, which takes seconds
    from stillhunt_model.nets.loading import load_net  # torch, which takes seconds
    from stillhunt_model.proof.endpoint import EndpointSuspect  # torch, which takes seconds
    from stillhunt_model.proof.proving import ProofContext  # torch, which takes seconds
    from stillhunt_model.proof.suspects import open_suspect, weights_fingerprint  # torch, which takes seconds

    budget = QueryBudget(config.model.queries)
    suspect: Suspect = open_suspect(asked, budget) if isinstance(asked, Path) else EndpointSuspect(asked, budget)
    compared = tuple(open_suspect(path, QueryBudget.without_end()) for path in references)
    net = load_net(teacher)
    marks = read_standing_marks(keys_folder(config), model_folder(config))
    context = ProofContext(config, net, weights_fingerprint(teacher), compared, marks, budget.most, progress)
    return suspect, context


def _print_proof_document(document: ProofDocument) -> None:
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
