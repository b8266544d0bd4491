"""`stillhunt model prove`: whether a model was trained on what campaigns harvested."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhunt import ConfigError
from stillhunt.commands import (
    ForceFlag,
    JsonFlag,
    MapOption,
    QuietFlag,
    SettingsOption,
    message_console,
    open_progress,
    output_console,
    print_bytes,
    print_columns,
    refuse_existing,
    safe_lines,
)
from stillhunt.tools import formatting, write_whole
from stillhunt_evidence.packs.proof_file import ProofDocument
from stillhunt_evidence.pages.trained_models import p_value, used_of_harvested
from stillhunt_model.commands.orders_shown import start_models
from stillhunt_model.commands.prove_answers import AnswerSources, refuse_faults
from stillhunt_model.commands.prove_models import NamedTeacher, ProofNames, TeacherFloat
from stillhunt_model.commands.prove_plan import describe_planned_proof, describe_price
from stillhunt_model.commands.trials import open_trials, say_end_of_register
from stillhunt_model.endpoints.budget import TokenPrice

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
        str,
        typer.Option(
            "--teacher",
            metavar="MODEL",
            help="Your model whose answers were harvested, as it was then: a folder, a GGUF file, or the address of a "
            "server that speaks the OpenAI API.",
        ),
    ] = "",
    teacher_name: Annotated[
        str, typer.Option("--teacher-name", metavar="NAME", help="Name of the teacher at its server.")
    ] = "",
    teacher_key_env: Annotated[
        str,
        typer.Option("--teacher-key-env", metavar="VAR", help="Environment variable with the key of that server."),
    ] = "",
    teacher_dtype: Annotated[
        TeacherFloat,
        typer.Option("--teacher-dtype", help="Numbers in which the teacher computes: those in which it is served."),
    ] = TeacherFloat.FLOAT32,
    draws: Annotated[
        Path | None,
        typer.Option(
            "--draws",
            metavar="FILE",
            help="In place of --teacher, what it drew: JSON lines with request_id and draws, up to nine other answers "
            "with the settings of the logged one.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PROOF.json", help="File to write the result to.")] = Path(
        "proof.json"
    ),
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
            "nobody suspects. Without it: those in the logs. An endpoint and a teacher's server get them.",
        ),
    ] = None,
    honest_from_logs: Annotated[
        bool,
        typer.Option(
            "--honest-from-logs",
            help="Send an endpoint, and a teacher's server, what honest accounts asked, from the logs: texts in which "
            "redaction finds something to hide are left out, and counted.",
        ),
    ] = False,
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
    conclusion; no test clears a model. An endpoint, and a teacher's server, get prompts, both harvested and honest;
    an endpoint that scores gets the answers, too, and nobody else gets anything. An endpoint that gives text alone is
    asked for 10 to 50 replies to each prompt, which a model of yours learns. If a run breaks off, run the same again:
    it goes on where it was.
    """
    names = ProofNames(
        suspect,
        model_name,
        api_key_env,
        prompt_form,
        NamedTeacher(teacher, teacher_name, teacher_key_env, teacher_dtype, draws),
        reference or [],
    )
    sources = AnswerSources(case, responses, mapping, harvest, honest, honest_from_logs)
    refuse_faults([*sources.faults(is_sent=names.is_endpoint or names.teacher.is_served), *names.faults()])
    allowed = _read_price(price, max_usd, is_endpoint=names.is_endpoint)
    refuse_existing(out, force=force)
    config = start_models(settings_file, {} if queries is None else {"model": {"queries": queries}})
    from stillhunt_model.proof.needs import describe_effort  # torch, which takes seconds
    from stillhunt_model.proof.proving import prove_training  # torch, which takes seconds
    from stillhunt_model.proof.report import proof_bytes, proof_document  # torch, which takes seconds
    from stillhunt_model.proof.standard_tests import standard_tests  # torch, which takes seconds

    memory = names.describe_memory()
    register = open_trials(config)
    left = register.left()
    with open_progress(quiet=quiet) as progress:
        harvests = sources.gather(campaign or [], config, progress)
        harvests, source = names.teacher.source_of_draws(config, harvests, progress)
        opened, context = names.open(config, allowed, source, progress)
        if not quiet:
            served = f"{source.name} at {names.teacher.place}" if source is not None and names.teacher.is_served else ""
            said = describe_planned_proof(
                opened, harvests, config, left, is_endpoint=names.is_endpoint, drawn_by=served
            )
            said += [*filter(None, [memory]), *describe_effort(harvests, context, is_endpoint=names.is_endpoint)]
            for line in [*said, *describe_price(opened, harvests, context, is_endpoint=names.is_endpoint)]:
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
