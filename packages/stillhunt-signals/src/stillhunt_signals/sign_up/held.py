"""What sign-ups, pushed signals and two ledgers hold on one account, for `stillhunt data subject`."""

import os
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from stillhunt.live import Hold, Holding, Search, hold_over
from stillhunt.tools import DAY
from stillhunt_signals.appending import iterate_whole_lines, lock_against_appending
from stillhunt_signals.outlets.telling import LEDGER_FILE, TellingLedger
from stillhunt_signals.rules.saved import RULES_LEDGER, RuleLedger
from stillhunt_signals.sign_up.identifiers import SignUpHasher
from stillhunt_signals.sign_up.registered import REMEMBERED_DAYS, SIGN_UPS_FILE, SignUp, parse_sign_up
from stillhunt_signals.signals.declared import PUSHED_ENDINGS, declared_signals

PUSHED_STAYS = "bodies of a webhook, where your settings put them: take those that name the account out of the file"
LEDGER_STAYS = "hashes chain its entries, so that nobody takes one out unseen; it stays as long as the folder"
OwnLine = tuple[int, bytes, SignUp]
"""Where a line of the file begins, the line, and what it says."""


def list_held_beside(search: Search, holds: Collection[Hold]) -> Iterator[Holding]:
    """What the account has: sign-ups, by the hold that keeps them; what outlets were told; labels; and pushed signals.

    Files of pushed signals are named and not searched. Raises ConfigError: a signal is declared in a way that cannot be
    used, or a ledger was changed.
    """
    path = search.folder.path / SIGN_UPS_FILE
    if path.exists():
        yield from _iterate_sign_ups(path, search, holds)
    told = TellingLedger(search.folder.path).told_of(search.account)
    labels = RuleLedger(search.folder).labels_of(search.account)
    for store, file, rows in (("outlets", LEDGER_FILE, told), ("labels", RULES_LEDGER, labels)):
        if rows:
            first, last = rows[0]["at"], rows[-1]["at"]
            yield Holding(store, file, len(rows), "lines", first, last, stays=LEDGER_STAYS, rows=rows)
    for signal in declared_signals(search.config):
        if signal.source.endswith(PUSHED_ENDINGS) and Path(signal.source).exists():
            yield Holding("pushed signals", signal.source, 0, "files", stays=PUSHED_STAYS)


def _iterate_sign_ups(path: Path, search: Search, holds: Collection[Hold]) -> Iterator[Holding]:
    account = SignUpHasher(search.folder, search.config).secret("account", search.account) or 0
    with path.open("rb") as file:
        own = [one for _, _, one in find_own_lines(file, account)]
    for hold in (None, *holds):
        held = [one for one in own if hold_over(holds, one.at, one.at) == hold]
        if held:
            first, last = min(one.at for one in held), max(one.at for one in held)
            yield Holding(
                "sign-ups", SIGN_UPS_FILE, len(held), "sign-ups", first, last, last + REMEMBERED_DAYS * DAY, hold,
                rows=[one._asdict() for one in held],
                erase=None if hold else partial(erase_sign_ups, path, account, holds),
            )  # fmt: skip


def find_own_lines(file: BinaryIO, account: int) -> list[OwnLine]:
    """Sign-ups of an account, by the keyed hash of its id, in the order of the file.

    One without an id is the account's if it has a mail address and all its values are those of a sign-up with the id:
    the same customer was asked about before the account was made.
    """
    named, unnamed, at = list[OwnLine](), list[OwnLine](), 0
    for line in iterate_whole_lines(file):
        one = parse_sign_up(line)
        if one is not None and one.account in (account, 0):
            (named if one.account else unnamed).append((at, line, one))
        at += len(line)
    values = [one.hashes for _, _, one in named]
    return sorted(named + [found for found in unnamed if "mail" in found[2].hashes and found[2].hashes in values])


def erase_sign_ups(path: Path, account: int, holds: Collection[Hold]) -> int:
    """Blank the lines of an account's sign-ups, where no hold stands; how many.

    Lines are overwritten in their place, so that none is lost that the server appends meanwhile. The file becomes
    longer by a line end first: an erasure that ends early is noticed by the server, and found again by the next one.

    Args:
        account: keyed hash of its id.

    Raises:
        OSError: the file cannot be read or written.
    """
    while True:
        with path.open("rb+", buffering=0) as raw, path.open("rb") as lines:
            own = [
                found for found in find_own_lines(lines, account) if hold_over(holds, found[2].at, found[2].at) is None
            ]
            lock_against_appending(raw)
            if not os.path.samestat(os.fstat(raw.fileno()), path.stat()):
                continue  # the server has written the file anew meanwhile
            os.pwrite(raw.fileno(), b"\n", os.fstat(raw.fileno()).st_size)
            for at, line, _ in own:
                os.pwrite(raw.fileno(), b" " * len(line.rstrip(b"\n")), at)
            os.fsync(raw.fileno())
            path.with_suffix(".part").unlink(missing_ok=True)  # a server that was killed may have left it
            return len(own)
