"""`stillhunt model mark answer`: marked answers of a local model, to try the standing mark before a server has it."""

import codecs
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhunt import ConfigError, InputError
from stillhunt.commands import (
    ForceFlag,
    QuietFlag,
    SeedOption,
    SettingsOption,
    open_progress,
    refuse_existing,
)
from stillhunt.tools import write_whole
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_model.commands.orders_shown import start_models
from stillhunt_model.nets.net import prompt_ids
from stillhunt_model.orders.register import model_folder
from stillhunt_model.tasks.answer_rows import account_of, has_surrogate

_LARGEST_PROMPTS = 1 << 28
"""Bytes of a file of prompts; all of it is held in memory."""


def mark_answer(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder or GGUF file.")],
    prompts: Annotated[
        Path, typer.Argument(metavar="PROMPTS.jsonl", help="Rows with prompt, and account_id for the key of its group.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT.jsonl", help="File to write.")],
    tokens: Annotated[int, typer.Option("--tokens", min=1, max=4096, help="Maximum tokens of an answer.")] = 256,
    temperature: Annotated[float, typer.Option("--temperature", min=0.01, help="Of the answers.")] = 1.0,
    batch: Annotated[int, typer.Option("--batch", min=1, max=4096, help="Prompts that are answered together.")] = 8,
    seed: SeedOption = 0,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Answer prompts with a local model under the standing mark, to try it before a server has it."""
    config = start_models(settings_file)
    from stillhunt_model.marks.gate import gate_of  # torch, which takes seconds
    from stillhunt_model.marks.keys import OTHER_ACCOUNTS, read_standing_marks  # torch, which takes seconds
    from stillhunt_model.marks.serving import StandingProcessor  # torch, which takes seconds
    from stillhunt_model.nets.loading import load_net  # torch, which takes seconds
    from stillhunt_model.training.generating import Sampling, generate  # torch, which takes seconds

    marks = read_standing_marks(keys_folder(config), model_folder(config))
    if marks is None:
        raise ConfigError(
            "there is no key of a standing mark",
            where=str(keys_folder(config)),
            next_step="make one first",
            command_step="'stillhunt model mark keys' makes one",
        )
    refuse_existing(out, force=force)
    rows = _read_prompts(prompts)
    net = load_net(model)
    gate = gate_of(net.tokenizer)
    places = [place for place, row in enumerate(rows) if not has_surrogate(row["prompt"])]
    lengths = dict(zip(places, map(len, prompt_ids(net, [rows[place]["prompt"] for place in places])), strict=True))
    places.sort(key=lambda place: lengths[place])  # `generate` answers by length: the rows of the processor are these
    with open_progress(quiet=quiet) as progress, progress.stage("answering", len(places), "prompts") as advance:
        for first in range(0, len(places), batch):
            some = places[first : first + batch]
            accounts = [_account_in(rows[place]) for place in some]
            keys = [marks.keys_of(OTHER_ACCOUNTS if one is None else marks.group_of(one)) for one in accounts]
            mark = StandingProcessor(keys, marks.layers, gate, temperature)
            sampling = Sampling(tokens, temperature, seed=seed + first, processors=(mark,), batch=batch)
            answers = generate(net, [rows[place]["prompt"] for place in some], sampling)
            for place, answer in zip(some, answers, strict=True):
                rows[place]["response"] = answer
            advance(len(some))
    write_whole(out, map(_row_bytes, rows))


def _account_in(row: Mapping[str, Any]) -> str | None:
    try:
        return account_of(row["account_id"])
    except (KeyError, TypeError):
        return None


def _row_bytes(row: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # one surrogate of a pair
        return json.dumps(row).encode() + b"\n"


def _read_prompts(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_PROMPTS + 1)
    except OSError as error:
        raise _build_unreadable_file_error(path) from error
    if len(content) > _LARGEST_PROMPTS:
        raise InputError("the file of prompts is too large", where=str(path), next_step="divide it")
    rows = []
    for place, line in enumerate(content.removeprefix(codecs.BOM_UTF8).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("prompt"), str):
            raise InputError(
                "this is no JSON object with a prompt", where=f"{path}:{place}", next_step="correct or remove the line"
            )
        rows.append(row)
    if not rows:
        raise InputError("the file has no prompts", where=str(path), next_step="name a file of JSON lines with prompt")
    return rows


def _build_unreadable_file_error(path: Path) -> InputError:
    return InputError("the file cannot be read", where=str(path), next_step="name a file of JSON lines")
