"""The command `model prove`; what it does is in `proving_command.py`, imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, MapOption, QuietFlag, SettingsOption

commands = typer.Typer()
CONCLUDED_EXIT_CODE = 3
"""Exit code when a suspect was trained on the harvest of a campaign."""


@commands.command()
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
            help="Answers of the same model and days to accounts that nobody suspects: such a file, without "
            "campaign_id. Without it: those that the logs have. An endpoint needs it, since it gets them.",
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
            help="Model of the suspect's kind that was not trained on the harvest; may be repeated. More power.",
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
    queries: Annotated[
        int | None, typer.Option("--queries", metavar="N", min=1, help="Most queries in place of model.queries.")
    ] = None,
    orders: Annotated[
        Path | None,
        typer.Option("--orders", metavar="FOLDER", help="Folder with the orders of marks in place of model.folder."),
    ] = None,
    mapping: MapOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Test whether a model was trained on the answers that campaigns harvested.

    Up to three tests: marks that the model inherited, canaries, and whether it prefers the harvested answers to others
    that the teacher might as well have given. One p-value, corrected for all pairs of suspect and campaign that the
    register of trials allows (model.pairs). A place in the register is used before anything is asked, and stays used.

    Exit code 3 where the model was trained on a campaign's harvest, 0 where there is no conclusion; no test clears a
    model. An endpoint gets prompts and parts of answers, of the harvest and of honest accounts; nobody else gets
    anything.
    """
    from stillhunt.cli.model.proving_command import ProveOrder, run_prove  # start-up time

    order = ProveOrder(
        suspect=suspect,
        teacher=teacher,
        out=out,
        case=case,
        responses=tuple(responses or ()),
        harvest=harvest,
        honest=honest,
        campaigns=tuple(campaign or ()),
        references=tuple(reference or ()),
        model_name=model_name,
        api_key_env=api_key_env,
        queries=queries,
        orders=orders,
        mapping=tuple(mapping or ()),
        force=force,
        settings_file=settings_file,
        quiet=quiet,
    )
    if run_prove(order, as_json=as_json):
        raise typer.Exit(CONCLUDED_EXIT_CODE)
