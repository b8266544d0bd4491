"""`stillhunt model prepare`: from logs, what `prove` compares a suspect with."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stillhunt import InputError
from stillhunt.commands import MapOption, QuietFlag, SettingsOption, open_progress, output_console
from stillhunt.tools import formatting, write_whole
from stillhunt_model.commands.orders_shown import start_models
from stillhunt_model.commands.prove_answers import (
    Answers,
    describe_sorted_out,
    honest_of_logs,
    open_answer_logs,
    resolve_campaign_ids,
    sort_out_answers,
)
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer, campaign_answers

HARVEST_LINES, HONEST_LINES, REFERENCE = "harvest.jsonl", "honest.jsonl", "reference"
"""What the folder has: two files of answers, and a model."""
_LEAST_LEARNED = 16
"""Answers without which no reference is made (judgement: fewer teach a model nothing)."""
_AS_LOGGED = "as logged"
"""Stands for the value of a setting of which only the name is known."""


def prepare(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for the files; new or empty.")],
    case: Annotated[Path, typer.Option("--case", metavar="CASE", help="Case folder that has the campaigns.")],
    responses: Annotated[
        list[str],
        typer.Option(
            "--responses", metavar="LOGS", help="Logs of that hunt, with the answers in them; may be repeated."
        ),
    ],
    campaign: Annotated[
        list[str] | None,
        typer.Option(
            "--campaign",
            metavar="ID",
            help="Campaign, or the beginning of its id; may be repeated. Without it: all with the verdict act.",
        ),
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(
            "--base",
            metavar="MODEL",
            help="Model from which the reference starts, such as a public one of the suspect's size. Without it, a "
            "tiny one is made from nothing.",
        ),
    ] = None,
    mapping: MapOption = None,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Write what `prove` compares a suspect with: harvested and honest answers of the logs, and a reference.

    `honest.jsonl` has answers of the same models and days to accounts in no campaign. Texts in which redaction finds
    something to hide are left out, and counted, so that an endpoint may get the others. The folder `reference` has a
    model that learned other honest answers. `harvest.jsonl` has the harvest as it was logged: with both files your own
    servers can draw the answers that `prove --draws` takes.
    """
    config = start_models(settings_file)
    from stillhunt_model.nets.net import check_free, save_net  # torch, which takes seconds
    from stillhunt_model.proof.own_models import learn_reference  # torch, which takes seconds
    from stillhunt_model.training.pairs import TextPair  # torch, which takes seconds

    check_free(out)
    with open_progress(quiet=quiet) as progress:
        logs = open_answer_logs(case, responses, mapping)
        found = campaign_answers(
            logs, resolve_campaign_ids(case, campaign or []), config, config.model.queries, progress
        )
        honest, left_out = sort_out_answers(honest_of_logs(logs, found, config, progress))
        every = list({one.request_id: one for answers in honest.values() for one in answers}.values())
        # As many are compared as are learned: twice as many as the harvest has were read.
        kept, learned = every[::2], every[1::2]
        if not kept:
            raise InputError(
                f"no honest answer is left; {describe_sorted_out(left_out)}",
                where=str(case),
                next_step="give the whole logs of that hunt, with temperature and max_tokens of the calls",
            )
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / HARVEST_LINES, [_encode_lines(found)])
        write_whole(out / HONEST_LINES, [_encode_lines({"": kept})])
        if len(learned) >= _LEAST_LEARNED:
            progress.note(f"A reference learns {formatting.plural(len(learned), 'honest answer')}")
            texts = [TextPair(one.prompt, one.answer) for one in learned]
            save_net(learn_reference(texts, base, config.seed), out / REFERENCE)
    harvested = sum(map(len, found.values()))
    made = f"learned {formatting.plural(len(learned), 'other honest answer')}"
    if len(learned) < _LEAST_LEARNED:
        made = f"not made: there are {len(learned):,} other honest answers, and {_LEAST_LEARNED} are needed"
    for line in (
        f"{HARVEST_LINES}: {formatting.plural(harvested, 'answer')}",
        f"{HONEST_LINES}: {formatting.plural(len(kept), 'answer')}",
        f"{REFERENCE}: {made}",
        describe_sorted_out(left_out),
    ):
        output_console().print(line, soft_wrap=True)


def _encode_lines(found: Answers) -> bytes:
    """Answers as JSON lines, as `prove` reads them."""
    return "".join(_format_line(one, campaign) for campaign, answers in found.items() for one in answers).encode()


def _format_line(one: HarvestedAnswer, campaign: str) -> str:
    fields = {name: value for name, value in asdict(one).items() if value not in (None, "")}
    fields["response"] = fields.pop("answer")
    fields |= dict.fromkeys(filter(None, fields.pop("other_settings", "").split(", ")), _AS_LOGGED)
    return json.dumps(fields | ({"campaign_id": campaign} if campaign else {})) + "\n"
