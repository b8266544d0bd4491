"""What `stillhunt model blunt` does with orders, files of answers and terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import InputError
from stillhunt.base.whole_files import write_whole
from stillhunt.cli.exporting import refuse_existing
from stillhunt.cli.model.orders_shown import list_orders, order_moment
from stillhunt.cli.model.starting import start_models
from stillhunt.cli.terminal import message_console, output_console, print_bytes, print_columns, print_json, safe_lines
from stillhunt.triage import Case
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key
from stillhunt_model.blunt.parameters import KEEP_SAMPLES

_USE = "blunt apply"


@dataclass(frozen=True)
class NewBluntOrder:
    """An order to sign, as given on the command line."""

    case: Path
    campaign: str
    measure: str
    by: str
    note: str
    days: int
    keep_samples: int | None
    settings_file: Path | None


@dataclass(frozen=True)
class ApplyOrder:
    """A file to change under an order, as given on the command line."""

    order: str
    rows: Path
    out: Path
    samples_before: int | None
    force: bool
    settings_file: Path | None


def run_blunt_order(wanted: NewBluntOrder, *, as_json: bool) -> None:
    """Sign an order and put it in the register.

    Raises:
        StillhuntError: the order may not be signed, or cannot be written.
    """
    config = _started(wanted.settings_file)
    from stillhunt_model.blunt.measures import checked_measure  # start-up time
    from stillhunt_model.blunt.notices import measure_in_words  # start-up time
    from stillhunt_model.orders.lines import order_content  # start-up time
    from stillhunt_model.orders.order import OrderRequest, signed_order  # start-up time
    from stillhunt_model.orders.register import OrderRegister, model_folder  # start-up time

    measure = checked_measure(wanted.measure)
    keep = KEEP_SAMPLES if measure == "cap" and wanted.keep_samples is None else wanted.keep_samples
    settings = {} if keep is None else {"keep_samples": keep}
    request = OrderRequest("blunt", measure, wanted.campaign, wanted.by, wanted.note, wanted.days, settings)
    order = signed_order(Case.read(wanted.case), request, pseudonyms_key(keys_folder(config)), _now())
    OrderRegister(model_folder(config)).add_order(order)
    if as_json:
        print_json(order_content(order))
        return
    output_console().print(order.order_id)
    accounts = formatting.plural(len(order.accounts), "flagged account")
    words = [measure_in_words("cap" if one == "cap" else measure, keep or 0) for one in _parts(measure, keep)]
    about = (
        f"{order.measure} for {accounts} of {order.campaign_id}, until {order_moment(order.expires_at)}.",
        " ".join(words),
        "Each changed answer carries a notice. Your terms must allow it: 'stillhunt model blunt policy' has a draft.",
    )
    for line in about:
        message_console().print(safe_lines(line), soft_wrap=True)


def run_blunt_list(settings_file: Path | None, *, as_json: bool) -> None:
    """Print the orders of countermeasures and the hash of the register's last line.

    Raises:
        ConfigError: the register was changed.
    """
    counts = {
        name: lambda one, name=name: sum(use.get(name, 0) for use in one["uses"]) for name in ("changed", "refused")
    }
    list_orders("blunt", counts, "No orders: no answer is changed.", settings_file, as_json=as_json)


def run_blunt_apply(wanted: ApplyOrder, *, as_json: bool) -> None:
    """Carry an order out on a file of answers, and print what was done in numbers.

    Raises:
        StillhuntError: the order is not in force, or a file cannot be used.
    """
    config = _started(wanted.settings_file)
    from stillhunt_model.blunt.answer_files import BluntCounts, BluntTerms, SampleCount, blunted_rows  # start-up time
    from stillhunt_model.blunt.measures import checked_measure  # start-up time
    from stillhunt_model.orders.register import OrderRegister, model_folder  # start-up time

    counts = BluntCounts()
    with OrderRegister(model_folder(config)).use_in_progress(wanted.order, _now(), "blunt", _USE) as use:
        order, before = use.order, wanted.samples_before
        refuse_existing(wanted.out, force=wanted.force)
        keep, appeal = order.settings.get("keep_samples"), config.decide.appeal_url
        terms = BluntTerms(checked_measure(order.measure), keep, order_moment(order.expires_at), appeal)
        if before is None:
            before = sum(one.get("samples", 0) for one in use.before)
        samples = SampleCount(before)
        try:
            with wanted.rows.open("rb") as file:
                write_whole(wanted.out, blunted_rows(file, terms, _members_of(order, config), samples, counts))
        except OSError as error:
            raise InputError(
                "the file cannot be read", where=str(wanted.rows), next_step="name a file of JSON lines"
            ) from error
        use.counts.update(counts.as_dict())
    if as_json:
        print_json({**counts.as_dict(), "samples_before": before})
        return
    rows = {**counts.as_dict(), "samples before": before}
    print_columns(
        output_console(), [(name.replace("_", " "), formatting.count(number)) for name, number in rows.items()]
    )
    for note in _notes(counts):
        message_console().print(note, soft_wrap=True)


def run_blunt_policy(
    measures: tuple[str, ...], keep: int | None, out: Path | None, settings_file: Path | None, *, force: bool
) -> None:
    """Write the text for the terms of service.

    Args:
        measures: those that the terms allow; empty for all.
        keep: useful samples that are answered under a cap; None for the default.
        out: file to write; None for stdout.

    Raises:
        StillhuntError: there is no such measure, or the file cannot be written.
    """
    _started(settings_file)
    from stillhunt_model.blunt.measures import MEASURES, checked_measure  # start-up time
    from stillhunt_model.blunt.notices import blunt_policy  # start-up time

    named = tuple(checked_measure(one) for one in measures) or MEASURES
    text = blunt_policy(named, KEEP_SAMPLES if keep is None else keep).encode()
    if out is None:
        print_bytes(text)
        return
    refuse_existing(out, force=force)
    write_whole(out, [text])


def _started(settings_file: Path | None) -> Config:
    config = Config.load(file=settings_file)
    start_models(config)
    return config


def _members_of(order: Any, config: Config) -> Callable[[str], bool]:
    """Whether an account is one of an order's."""
    from stillhunt_model.orders.order import account_name  # start-up time

    key, accounts = pseudonyms_key(keys_folder(config)), frozenset(order.accounts)
    return lambda account_id: account_name(key, account_id) in accounts


def _parts(measure: str, keep: int | None) -> list[str]:
    """The measure, and the cap where there is one beside it."""
    return [measure] if keep is None or measure == "cap" else [measure, "cap"]


def _notes(counts: Any) -> list[str]:
    """What a reader of the counts may overlook."""
    notes = []
    if counts.unread:
        lines = formatting.plural(counts.unread, "line was", "lines were")
        notes.append(
            f"{lines} passed on unchanged: no JSON object with account_id, prompt and response, or a reasoning that is "
            "no text. If an account of the order is among them, it got its answer in full."
        )
    if counts.unclear:
        answers = formatting.plural(counts.unclear, "response that begins", "responses that begin")
        show = formatting.verb(counts.unclear, "does", "do")
        notes.append(
            f"{answers} with <think> {show} not show where the reasoning ends and passed unchanged, if not refused: "
            "what looks like reasoning may be the result."
        )
    if counts.without_reasoning:
        answers = formatting.plural(counts.without_reasoning, "answer has", "answers have")
        notes.append(
            f"{answers} no reasoning apart from the result and passed unchanged; steps inside a response are not "
            "touched, since results must not be."
        )
    return notes


def _now() -> int:
    from stillhunt_model.marks.serving import clock_now  # start-up time

    return clock_now()
