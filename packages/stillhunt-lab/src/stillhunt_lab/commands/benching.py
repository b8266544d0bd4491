"""`stillhunt lab bench`: runs the benchmark and writes its page."""

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.commands import QuietFlag, open_progress, output_console
from stillhunt_lab.bench import BenchSpec, run_bench, write_report


def lab_bench(
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="Folder of the rows; runs that have a row are not repeated."
        ),
    ],
    rungs: Annotated[
        str, typer.Option("--rungs", metavar="LIST", help="Rungs of the evasion ladder: 1-11 or 1,3,6.")
    ] = "1-11",
    generator: Annotated[
        list[str] | None,
        typer.Option("--generator", metavar="NAME", help="first, second or texts; may be repeated. Without it: first."),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option("--texts", metavar="PARQUET", help="Real texts for generator texts: columns text, kind, topic."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=0, help="Worlds per generator and rung.")] = 5,
    first_seed: Annotated[
        int, typer.Option("--first-seed", min=0, help="Seed of the first world; the others follow.")
    ] = 1001,
    accounts: Annotated[int, typer.Option("--accounts", min=10, help="Honest accounts of a world.")] = 2000,
    days: Annotated[int, typer.Option("--days", min=2, help="Days of traffic.")] = 14,
    campaign_accounts: Annotated[
        int, typer.Option("--campaign-accounts", min=5, help="Accounts of each campaign.")
    ] = 60,
    campaigns: Annotated[int, typer.Option("--campaigns", min=1, help="Campaigns in a world.")] = 1,
    baselines: Annotated[
        bool,
        typer.Option("--baselines/--no-baselines", help="Run the baselines as well as stillhunt, or stillhunt alone."),
    ] = True,
    honest: Annotated[int, typer.Option("--honest", min=0, help="Honest worlds, to count false alarms in.")] = 0,
    honest_accounts: Annotated[
        int, typer.Option("--honest-accounts", min=10, help="Accounts of each honest world.")
    ] = 3000,
    replay: Annotated[bool, typer.Option("--replay", help="Replay the logs to find the first correct call.")] = False,
    ablations: Annotated[
        bool, typer.Option("--ablations", help="Also hunt without single evidence families and in poorer logs.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Markdown page to write at the end.")
    ] = None,
    only_report: Annotated[
        bool, typer.Option("--only-report", help="Run nothing; write the page from the existing rows.")
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Measure stillhunt and its baselines on worlds with known truth.

    Each method on each world gives one row, written as soon as it is done: an interrupted bench resumes there.
    """
    if only_report and report is None:
        raise typer.BadParameter("needs --report FILE", param_hint="--only-report")
    if not only_report:
        spec = BenchSpec(
            generators=tuple(dict.fromkeys(generator or ["first"])),
            rungs=_parse_rung_list(rungs),
            texts=texts,
            seeds=seeds,
            first_seed=first_seed,
            accounts=accounts,
            days=days,
            campaign_accounts=campaign_accounts,
            campaigns=campaigns,
            baselines=baselines,
            honest=honest,
            honest_accounts=honest_accounts,
            replay=replay,
            ablations=ablations,
        )
        with open_progress(quiet=quiet) as progress:
            done, there = run_bench(spec, out, progress)
        output_console().print(f"{done} runs done, {there} were there; rows in {out}")
    if report is not None:
        output_console().print(f"{write_report(out, report)} rows in {report}")


def _parse_rung_list(text: str) -> tuple[int, ...]:
    """Rungs written as `1-11`, `1,3,6` or `1-4,8`, sorted."""
    rungs: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            rungs.update(range(int(first), int(last if dash else first) + 1))
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a list of rungs", param_hint="--rungs") from None
    return tuple(sorted(rungs))
