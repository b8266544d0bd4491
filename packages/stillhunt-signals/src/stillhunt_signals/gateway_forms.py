"""`POST /v1/signup`: the form of the server by which a provider asks about a new customer."""

import asyncio
import time
from typing import Annotated, Any
from weakref import WeakKeyDictionary

import msgspec

from stillhunt import StillhuntError
from stillhunt_server.plugins import SIGN_UP_PATH, GatewayForm, Gateways, RefusedError, reply
from stillhunt_signals.sign_up.desk import SignUpDesk
from stillhunt_signals.sign_up.identifiers import NewCustomer

MOST_SIGN_UP_BYTES = 16 << 10
"""Longest question. Judgement: six short texts."""
_Text = Annotated[str, msgspec.Meta(max_length=1024)]


class SignUpQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """The body; at least one of account_id, card, device, mail and ip."""

    # of the account, where it has one already; asked again, it is the same sign-up
    account_id: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    plan: _Text | None = None
    card: _Text | None = None  # fingerprint of the card, as in the accounts table
    device: _Text | None = None
    mail: _Text | None = None
    ip: _Text | None = None


_QUESTIONS = msgspec.json.Decoder(SignUpQuestion)
_DESKS: WeakKeyDictionary[Gateways, SignUpDesk] = WeakKeyDictionary()
_BEHIND: set[asyncio.Future[None]] = set()


async def answer_sign_up(gateways: Gateways, scope: Any, receive: Any, send: Any) -> None:
    """Answer one question, whose token was checked."""
    if scope["method"] != "POST":
        raise RefusedError(405, "ask with POST")
    body = await gateways.body(receive, scope, MOST_SIGN_UP_BYTES)
    try:
        asked = _QUESTIONS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(
            400, "the body is no such JSON: texts of account_id, plan, card, device, mail, ip"
        ) from error
    if not (asked.account_id or asked.card or asked.device or asked.mail or asked.ip):
        raise RefusedError(400, "give at least one of account_id, card, device, mail and ip")
    desk = await _desk_of(gateways)
    if desk.is_due():
        behind = asyncio.ensure_future(asyncio.to_thread(desk.look))
        _BEHIND.add(behind)
        behind.add_done_callback(_BEHIND.discard)
    said = desk.answer(NewCustomer(**msgspec.structs.asdict(asked)), time.time_ns() // 1000)
    gateways.answered[SIGN_UP_PATH, said.answer] += 1
    shown = {
        **said._asdict(),
        "ties": [tie._asdict() for tie in said.ties],
        "free_tiers": said.free_tiers._asdict(),
    }
    await reply(send, 200, msgspec.json.encode(shown), [])


async def _desk_of(gateways: Gateways) -> SignUpDesk:
    """The desk of a server, made at the first question."""
    found = _DESKS.get(gateways)
    if found is None:
        home = gateways.home
        if home is None:
            raise RefusedError(503, "this server has no data folder")
        try:
            found = await asyncio.to_thread(
                SignUpDesk, home.folder, home.database, home.config, lambda: gateways.decisions.answers.policy
            )
        except StillhuntError as error:
            raise RefusedError(503, f"{error.what}; next: {error.next_step}") from error
        found = _DESKS.setdefault(gateways, found)
    return found


SIGN_UP = GatewayForm("signup", SIGN_UP_PATH, answer_sign_up, plain_status=True)
