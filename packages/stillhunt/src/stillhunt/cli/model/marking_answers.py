"""What `stillhunt model mark` does with files: canaries in finished answers, and marked answers of a model."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, InputError
from stillhunt.base.whole_files import write_whole
from stillhunt.cli.exporting import refuse_existing
from stillhunt.cli.model.starting import start_models
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import message_console, output_console, print_columns, print_json
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key

_LARGEST_PROMPTS = 1 << 28
"""Bytes of a file of prompts; all of it is held in memory."""


@dataclass(frozen=True)
class FileOrder:
    """A file to read and one to write under an order, as given on the command line."""

    order: str
    rows: Path
    out: Path
    force: bool
    settings_file: Path | None


@dataclass(frozen=True)
class AnswerOrder:
    """How to answer a file of prompts, as given on the command line."""

    files: FileOrder
    model: Path
    tokens: int
    temperature: float | None
    batch: int
    seed: int
    quiet: bool


def run_mark_text(wanted: FileOrder, *, as_json: bool) -> None:
    """Put canaries into a file of answers, and print what was done in numbers.

    Raises:
        StillhuntError: the order is not in force or has no canaries, or a file cannot be used.
    """
    config = Config.load(file=wanted.settings_file)
    start_models(config)
    from stillhunt_model.marks.answer_rows import RowCounts, marked_rows  # start-up time
    from stillhunt_model.marks.keys import order_key  # start-up time
    from stillhunt_model.marks.serving import CANARY, clock_now  # start-up time
    from stillhunt_model.orders.register import OrderRegister, model_folder  # start-up time

    register = OrderRegister(model_folder(config))
    order = register.active_order(wanted.order, clock_now(), "mark")
    if order.measure != CANARY:
        raise ConfigError(
            f"the scheme of this order is {order.measure}, which marks while answers are drawn",
            where=order.order_id,
            next_step="give its processor to your inference server, or sign an order for canaries",
        )
    refuse_existing(wanted.out, force=wanted.force)
    key, is_meant = order_key(keys_folder(config), order), _members_of(order, config)
    counts = RowCounts()
    try:
        with wanted.rows.open("rb") as file:
            write_whole(wanted.out, marked_rows(file, key, is_meant, counts))
    except OSError as error:
        raise _unreadable(wanted.rows) from error
    register.log_use(order, "mark text", counts.as_dict(), clock_now())
    _print_counts(counts.as_dict(), as_json=as_json)
    if counts.unread:
        lines = formatting.plural(counts.unread, "line was", "lines were")
        message_console().print(
            f"{lines} passed on unchanged: no JSON object with account_id, prompt and response. If an account of the "
            "order is among them, it got its answer without a mark.",
            soft_wrap=True,
        )


def run_mark_answer(wanted: AnswerOrder, *, as_json: bool) -> None:
    """Answer prompts with a local model under an order, and print what was done in numbers.

    Args:
        wanted: which order, model and files, and how to answer.

    Raises:
        StillhuntError: the order is not in force or marks no drawing, or a model or file cannot be used.
    """
    config = Config.load(file=wanted.files.settings_file)
    start_models(config)
    from stillhunt_model.marks.answer_rows import has_surrogate  # start-up time
    from stillhunt_model.marks.serving import clock_now, processor_for  # start-up time
    from stillhunt_model.nets.loading import load_net  # start-up time
    from stillhunt_model.orders.register import OrderRegister, model_folder  # start-up time

    register = OrderRegister(model_folder(config))
    order = register.active_order(wanted.files.order, clock_now(), "mark")
    sampling = _sampling_under(order, wanted)
    refuse_existing(wanted.files.out, force=wanted.files.force)
    rows, is_meant = _read_prompts(wanted.files.rows), _members_of(order, config)
    net = load_net(wanted.model)
    processor = processor_for(order, keys_folder(config), net.tokenizer)
    under = [row.get("account_id") is None or _is_account_meant(row["account_id"], is_meant) for row in rows]
    places = [place for place, row in enumerate(rows) if not has_surrogate(row["prompt"])]
    with open_progress(quiet=wanted.quiet) as progress, progress.stage("answering", len(places), "prompts") as advance:
        prompts = [rows[place]["prompt"] for place in places]
        drawn = _answers_under(net, prompts, [under[place] for place in places], sampling, processor, advance)
    answered = {
        place: {"response": text, "marked": tokens > 0} for place, (text, tokens) in zip(places, drawn, strict=True)
    }
    write_whole(
        wanted.files.out,
        (_row_bytes({**row, **answered.get(place, {})}) for place, row in enumerate(rows)),
    )
    counts = {
        "rows": len(rows),
        "under_the_order": sum(under),
        "marked": sum(tokens > 0 for _, tokens in drawn),
        "unread": len(rows) - len(places),
        "tokens": processor.mark.positions,
        "marked_tokens": processor.mark.open_positions,
    }
    register.log_use(order, "mark answer", counts, clock_now())
    _print_counts(counts, as_json=as_json)


def _sampling_under(order: Any, wanted: AnswerOrder) -> Any:
    """How answers are drawn under an order, without its mark."""
    from stillhunt_model.marks.gumbel import GumbelMark  # start-up time
    from stillhunt_model.marks.serving import sampling_mark  # start-up time
    from stillhunt_model.training.generating import Sampling  # start-up time

    settings, temperature, top_p = sampling_mark(order), wanted.temperature, 1.0
    if isinstance(settings, GumbelMark):
        if temperature not in (None, settings.temperature):
            raise ConfigError(
                f"the order is for a temperature of {settings.temperature:g}",
                where=order.order_id,
                next_step="leave the temperature out, or sign another order",
            )
        temperature, top_p = settings.temperature, settings.top_p
    return Sampling(wanted.tokens, 1.0 if temperature is None else temperature, top_p, wanted.seed, (), wanted.batch)


def _answers_under(
    net: Any,
    prompts: Sequence[str],
    marked: Sequence[bool],
    sampling: Any,
    processor: Any,
    advance: Callable[[int], None],
) -> list[tuple[str, int]]:
    """Answers in the order of the prompts with their marked tokens, those under the order drawn with the processor."""
    from stillhunt_model.nets.net import prompt_ids  # start-up time
    from stillhunt_model.training.generating import generate  # start-up time

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
    from stillhunt_model.marks.answer_rows import account_of  # start-up time

    try:
        return is_meant(account_of(value))
    except TypeError:
        return False


def _row_bytes(row: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # one surrogate of a pair
        return json.dumps(row).encode() + b"\n"


def _members_of(order: Any, config: Config) -> Callable[[str], bool]:
    """Whether an account is one of an order's."""
    from stillhunt_model.orders.order import account_name  # start-up time

    key, accounts = pseudonyms_key(keys_folder(config)), frozenset(order.accounts)
    return lambda account_id: account_name(key, account_id) in accounts


def _read_prompts(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_PROMPTS + 1)
    except OSError as error:
        raise _unreadable(path) from error
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


def _unreadable(path: Path) -> InputError:
    return InputError("the file cannot be read", where=str(path), next_step="name a file of JSON lines")


def _print_counts(counts: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json(dict(counts))
        return
    rows = [(name.replace("_", " "), formatting.count(number)) for name, number in counts.items()]
    print_columns(output_console(), rows)
