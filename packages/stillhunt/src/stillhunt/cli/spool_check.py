"""What `stillhunt spool` does."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from stillhunt.base import formatting
from stillhunt.base.errors import OutputError
from stillhunt.cli.findings import EXIT_NOTHING, EXIT_PARTIAL, code_fields
from stillhunt.cli.terminal import output_console, print_json, safe_lines
from stillhunt.watch.holds import existing_folder
from stillhunt.watch.hunting import HUNT_ROLE
from stillhunt.watch.spool.checking import accept_spool, check_spool
from stillhunt.watch.spool.open_part import close_left_behind


def run_spool(data: Path, *, accept: bool, as_json: bool) -> int:
    """Compare every part with what was acknowledged, and print what differs.

    Args:
        accept: take the spool as it is from now on.

    Returns:
        The exit code: 4 where something differs and is not accepted.

    Raises:
        CaseError: there is no data folder.
        OutputError: its spool or ledger cannot be used, or a hunt runs while it is accepted.
    """
    folder = existing_folder(data)
    try:
        with folder.role(HUNT_ROLE) if accept else nullcontext():
            close_left_behind(folder.spool)  # what a killed server left is closed by the next hunt, and no damage
            damage = check_spool(folder.spool, every=True)
            if accept:
                accept_spool(folder.spool, damage)
    except OSError as error:
        raise OutputError(
            f"the spool cannot be compared: {error.strerror}",
            where=str(error.filename or folder.spool),
            next_step="check the disk and the permissions of the data folder",
        ) from error
    code = EXIT_PARTIAL if damage and not accept else EXIT_NOTHING
    if as_json:
        found = [{"part": one.part, "statement": one.statement} for one in damage]
        print_json({**code_fields(code), "accepted": accept, "damage": found})
        return code
    console = output_console()
    for one in damage:
        console.print(safe_lines(formatting.sentence(one.statement)), markup=False, soft_wrap=True)
    if not damage:
        console.print("Every part of the spool is as it was acknowledged.")
    elif accept:
        console.print(f"Accepted: {formatting.plural(len(damage), 'difference')} will not be reported again.")
    else:
        console.print("Restore the parts from a backup, or run the command again with --accept to take the loss.")
    return code
