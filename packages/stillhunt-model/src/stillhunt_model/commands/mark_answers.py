"""`stillhunt model mark text` and `answer`: canaries in finished answers, and marked answers of a model."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhunt import ConfigError, InputError
from stillhunt.commands import (
    ForceFlag,
    JsonFlag,
    QuietFlag,
    SeedOption,
    SettingsOption,
    message_console,
    open_progress,
    read_clock,
    refuse_existing,
)
from stillhunt.tools import formatting, write_whole
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_model.commands.orders_shown import OrderArgument, is_member, print_counts, start_models
from stillhunt_model.marks.answer_rows import RowCounts, account_of, has_surrogate, marked_rows
from stillhunt_model.nets.net import prompt_ids
from stillhunt_model.orders.register import OrderRegister, model_folder

OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="OUT.jsonl", help="File to write.")]

_LARGEST_PROMPTS = 1 << 28
"""Bytes of a file of prompts; all of it is held in memory."""


def mark_text(
    order: OrderArgument,
    rows: Annotated[
        Path, typer.Argument(metavar="IN.jsonl", help="Answers: rows with account_id, prompt and response.")
    ],
    out: OutOption,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Put the canaries of an order into existing answers: the key chooses between wordings with the same meaning.

    Only the answers to the accounts of the order are changed; all other bytes stay as they are. Code, data, quotations,
    addresses, headings and sentences with a digit are left alone, and so are answers about code, data or safety.
    """
    config = start_models(settings_file)
    from stillhunt_model.marks.keys import order_key  # torch, which takes seconds
    from stillhunt_model.marks.serving import CANARY  # torch, which takes seconds

    register = OrderRegister(model_folder(config))
    active = register.active_order(order, read_clock(), "mark")
    if active.measure != CANARY:
        raise ConfigError(
            f"the scheme of this order is {active.measure}, which marks while answers are drawn",
            where=active.order_id,
            next_step="give its processor to your inference server, or sign an order for canaries",
        )
    refuse_existing(out, force=force)
    key, is_meant = order_key(keys_folder(config), active), is_member(active, config)
    counts = RowCounts()
    try:
        with rows.open("rb") as file:
            write_whole(out, marked_rows(file, key, is_meant, counts))
    except OSError as error:
        raise _build_unreadable_file_error(rows) from error
    register.log_use(active, "mark text", counts.as_dict(), read_clock())
    print_counts(counts.as_dict(), as_json=as_json)
    if counts.unread:
        lines = formatting.plural(counts.unread, "line was", "lines were")
        message_console().print(
            f"{lines} passed on unchanged: no JSON object with account_id, prompt and response. If an account of the "
            "order is among them, it got its answer without a mark.",
            soft_wrap=True,
        )


def mark_answer(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder or GGUF file.")],
    prompts: Annotated[
        Path,
        typer.Argument(metavar="PROMPTS.jsonl", help="Rows with prompt; with account_id, only the order's are marked."),
    ],
    order: Annotated[str, typer.Option("--order", metavar="ORDER", help="Id of an order in force, or its beginning.")],
    out: OutOption,
    tokens: Annotated[int, typer.Option("--tokens", min=1, max=4096, help="Maximum tokens of an answer.")] = 256,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0.0, help="1 by default; for gumbel, that of the order.")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, max=4096, help="Prompts that are answered together.")] = 8,
    seed: SeedOption = 0,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Answer prompts with a local model under an order, to try a mark before a server has it.

    Answers to accounts outside the order are drawn without the mark; a row without an account gets it.
    """
    config = start_models(settings_file)
    from stillhunt_model.marks.serving import processor_for  # torch, which takes seconds
    from stillhunt_model.nets.loading import load_net  # torch, which takes seconds

    register = OrderRegister(model_folder(config))
    active = register.active_order(order, read_clock(), "mark")
    sampling = _sampling_under(active, tokens, temperature, seed, batch)
    refuse_existing(out, force=force)
    rows, is_meant = _read_prompts(prompts), is_member(active, config)
    net = load_net(model)
    processor = processor_for(active, keys_folder(config), net.tokenizer)
    under = [row.get("account_id") is None or _is_account_meant(row["account_id"], is_meant) for row in rows]
    places = [place for place, row in enumerate(rows) if not has_surrogate(row["prompt"])]
    with open_progress(quiet=quiet) as progress, progress.stage("answering", len(places), "prompts") as advance:
        texts = [rows[place]["prompt"] for place in places]
        drawn = _answers_under(net, texts, [under[place] for place in places], sampling, processor, advance)
    answered = {
        place: {"response": text, "marked": number > 0} for place, (text, number) in zip(places, drawn, strict=True)
    }
    write_whole(
        out,
        (_row_bytes({**row, **answered.get(place, {})}) for place, row in enumerate(rows)),
    )
    counts = {
        "rows": len(rows),
        "under_the_order": sum(under),
        "marked": sum(number > 0 for _, number in drawn),
        "unread": len(rows) - len(places),
        "tokens": processor.mark.positions,
        "marked_tokens": processor.mark.open_positions,
    }
    register.log_use(active, "mark answer", counts, read_clock())
    print_counts(counts, as_json=as_json)


def _sampling_under(order: Any, tokens: int, wanted: float | None, seed: int, batch: int) -> Any:
    """How answers are drawn under an order, without its mark."""
    from stillhunt_model.marks.gumbel import GumbelMark  # torch, which takes seconds
    from stillhunt_model.marks.serving import sampling_mark  # torch, which takes seconds
    from stillhunt_model.training.generating import Sampling  # torch, which takes seconds

    settings, temperature, top_p = sampling_mark(order), wanted, 1.0
    if isinstance(settings, GumbelMark):
        if temperature not in (None, settings.temperature):
            raise ConfigError(
                f"the order is for a temperature of {settings.temperature:g}",
                where=order.order_id,
                next_step="leave the temperature out, or sign another order",
            )
        temperature, top_p = settings.temperature, settings.top_p
    return Sampling(tokens, 1.0 if temperature is None else temperature, top_p, seed, (), batch)


def _answers_under(
    net: Any,
    prompts: Sequence[str],
    marked: Sequence[bool],
    sampling: Any,
    processor: Any,
    advance: Callable[[int], None],
) -> list[tuple[str, int]]:
    """Answers in the order of the prompts with their marked tokens, those under the order drawn with the processor."""
    from stillhunt_model.training.generating import generate  # torch, which takes seconds

    answers = [("", 0)] * len(prompts)
    for with_mark in (True, False):
        places = [place for place, one in enumerate(marked) if one == with_mark]
        drawn = replace(sampling, processors=(processor,)) if with_mark else sampling
        for first in range(0, len(places), sampling.batch):
            some = places[first : first + sampling.batch]
            # `generate` draws them by length: in this order the rows of the processor are those of the prompts
            lengths = dict(zip(some, map(len, prompt_ids(net, [prompts[place] for place in some])), strict=True))
            some.sort(key=lambda place: lengths[place])
            before = processor.mark.open_positions
            made = generate(net, [prompts[place] for place in some], replace(drawn, seed=sampling.seed + first))
            acted = with_mark and processor.mark.open_positions > before  # not where the order has expired
            tokens = processor.mark.batch_marks.tolist() if acted else [0] * len(some)
            for place, answer, count in zip(some, made, tokens, strict=True):
                answers[place] = (answer, count)
            advance(len(some))
    return answers


def _is_account_meant(value: object, is_meant: Callable[[str], bool]) -> bool:
    try:
        return is_meant(account_of(value))
    except TypeError:
        return False


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
