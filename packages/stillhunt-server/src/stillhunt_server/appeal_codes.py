"""Appeals of customers who have no account any more: by the number of a decision, and a code that is sent with it."""

from __future__ import annotations

import base64
import hashlib
import hmac

from sqlalchemy import select

from stillhunt.decide.appeals import Appeal, AppealError, file_appeal
from stillhunt.decide.log import SECRET_ROW, log_locked
from stillhunt.decide.policy import AppealTerms
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import APPEALS, DECISIONS, META

CUSTOMER = "the customer"
"""Who files an appeal by its code."""
_BYTES = 10
_HIGHEST_NUMBER = 2**31 - 1


def appeal_code(database: WatchDatabase, decision: int) -> str:
    """The code of a decision, which only this folder can make: 80 bits as 16 letters and digits.

    Args:
        decision: its place in the log.
    """
    rows = database.read(select(META.c.value).where(META.c.name == SECRET_ROW))
    if rows:
        secret = bytes.fromhex(rows[0]["value"])
    else:
        with log_locked(database) as log:
            secret = log.secret
    told = hmac.new(secret, b"appeal %d" % decision, hashlib.sha256).digest()
    return base64.b32encode(told[:_BYTES]).decode()


def file_by_code(
    database: WatchDatabase, decision: int, code: str, text: str, terms: AppealTerms, now: int
) -> Appeal | None:
    """File an appeal against a decision for whoever has its code; without a text, only look what became of one.

    Returns:
        The appeal; None where there is no text and nobody has appealed.

    Raises:
        AppealError: number and code do not belong together, or it cannot be appealed against; one answer for both.
        ConfigError: the text is too long.
    """
    typed = "".join(code.upper().split()).replace("-", "")
    number = decision if 0 < decision <= _HIGHEST_NUMBER else 0
    rows = database.read(select(DECISIONS.c.account_id).where(DECISIONS.c.seq == number))
    known = appeal_code(database, decision) if rows else ""
    if not rows or not hmac.compare_digest(typed.encode(errors="replace"), known.encode()):
        raise AppealError("unknown", "there is no decision with this number and this code", "copy both as they came")
    if text.strip():
        return file_appeal(database, decision, rows[0]["account_id"], text.strip(), CUSTOMER, terms, now)
    found = database.read(select(APPEALS).where(APPEALS.c.decision == decision).order_by(APPEALS.c.appeal_id.desc()))
    return Appeal(**found[0]) if found else None
