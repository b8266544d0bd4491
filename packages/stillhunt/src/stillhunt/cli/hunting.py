"""`stillhunt hunt`: checks that cost nothing first, then the hunt, the case folder, the findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import stillhunt
from stillhunt.base.config import Config, parse_value
from stillhunt.base.errors import ConfigError
from stillhunt.cli.compiling import compile_once
from stillhunt.cli.findings import EXIT_ERROR, as_document, code_fields, exit_code
from stillhunt.cli.progress import open_progress
from stillhunt.cli.screen import print_findings
from stillhunt.cli.terminal import output_console, print_json
from stillhunt.triage.case_target import check_target


@dataclass(frozen=True)
class HuntOrder:
    """What the user asked for, as given on the command line."""

    logs: tuple[str, ...]
    accounts: str | None = None
    out: Path | None = None
    force: bool = False
    mapping: Mapping[str, str] = field(default_factory=dict)
    accounts_mapping: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    state: str | None = None
    settings_file: Path | None = None
    as_json: bool = False
    quiet: bool = False


def run_hunt(order: HuntOrder) -> int:
    """Hunt, write the case, print the findings.

    Returns:
        The exit code: 0 nothing found, 3 findings, 4 partial input.

    Raises:
        StillhuntError: settings, input or output cannot be used.
    """
    overrides = nested_settings(order.settings)
    if order.state is not None:  # not parsed: a folder may be called 2026, which TOML reads as a number
        overrides["state"] = order.state
    config = Config.load(overrides, file=order.settings_file)
    if order.settings.get("spark_master") and config.engine != "spark":
        raise ConfigError(
            "a Spark master is named, but the engine is not Spark",
            where="--master",
            next_step="add --engine spark, or leave out --master",
        )
    if order.out is not None:
        check_target(order.out, force=order.force)
    return exit_code(hunt_and_show(order, config).model, config.collect.rejects_limit)


def hunt_and_show(order: HuntOrder, config: Config) -> stillhunt.Case:
    """Hunt, write the case folder if one was asked for, and print the findings, also where they cannot be written.

    Raises:
        StillhuntError: input or output cannot be used.
    """
    with open_progress(quiet=order.quiet) as progress:
        compile_once(progress)
        case = stillhunt.hunt(
            list(order.logs),
            order.accounts,
            config,
            mapping=dict(order.mapping) or None,
            accounts_mapping=dict(order.accounts_mapping) or None,
            progress=progress,
        )
    limit = config.collect.rejects_limit
    try:
        if order.out is not None:
            with open_progress(quiet=order.quiet) as progress, progress.stage("writing the case", None, "files"):
                case.write(order.out, force=order.force)
    except Exception:  # the hunt may have taken hours
        if order.as_json:
            print_json({**as_document(case.model, None, limit), **code_fields(EXIT_ERROR)})
        else:
            print_findings(output_console(), case.model, None, limit)
        raise
    case_folder = None if order.out is None else str(order.out)
    if order.as_json:
        print_json(as_document(case.model, case_folder, limit))
    else:
        print_findings(output_console(), case.model, case_folder, limit)
    return case


def nested_settings(pairs: Mapping[str, str]) -> dict[str, Any]:
    """`section.name=value` pairs as the nested mapping that `Config.load` takes.

    Args:
        pairs: dotted name -> text of the value; read as TOML where it is TOML.

    Raises:
        ConfigError: one pair names a setting, another one names a setting inside it.
    """
    nested: dict[str, Any] = {}
    for dotted, text in pairs.items():
        *sections, name = dotted.split(".")
        target = nested
        for section in sections:
            inner = target.setdefault(section, {})
            if not isinstance(inner, dict):
                raise ConfigError(
                    f"{section!r} is given a value and settings of its own",
                    where=f"--set {dotted}",
                    next_step="'stillhunt config show' lists every setting with its unit and reason",
                )
            target = inner
        target[name] = parse_value(text)
    return nested
