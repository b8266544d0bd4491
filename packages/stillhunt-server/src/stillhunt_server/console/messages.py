"""What a page says once after a change: signed to it, so that no address says that something was done which was not."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict

from stillhunt.base.units import SECOND
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.rendering import campaign_url

MESSAGE_SECONDS = 120
"""How long after a change its message can be shown. Judgement: a slow connection, and not a link that is kept."""
MOST_SHOWN = 4_096
"""Messages of which it is known that they were shown. Judgement: those of two minutes, of any team."""
_DIGITS = 32
_TEXTS = {
    "open": "The case is open.",
    "assign": "The case is assigned.",
    "comment": "The comment is kept.",
    "investigation": "The investigation is kept.",
    "checklist": "The checklist is kept.",
    "label": "The label is on.",
    "unlabel": "The label is off.",
    "narrative": "The narrative is kept.",
    "act": "The decision is made, and in force within seconds.",
    "second_look": "Your second look is kept. This is what was decided.",
    "golden_right": "Your second look is kept. It was a golden case, and your answer is right.",
    "golden_wrong": "Your second look is kept. It was a golden case, and another answer is right.",
    "propose": "Your decision waits for a second person, and is not in force yet.",
    "approve": "The decision is approved, and in force within seconds.",
    "decline": "What waited for a second person is not done.",
    "watch": "The campaign is watched: it comes back on its day, or when it has grown.",
    "dismiss": "The campaign is dismissed: rules release its accounts.",
    "reopen": "The case is open again.",
    "due": "The day is kept.",
    "undo": "The latest change is undone.",
    "pack": "The evidence pack is made.",
}
_shown: OrderedDict[str, None] = OrderedDict()
_showing = threading.Lock()


def done_url(request: PageRequest, campaign: str, kind: str, part: str = "") -> str:
    """Address of a campaign's page that says once that a change was made.

    Args:
        kind: of the change, as in the address of its form.
        part: of the page that is shown; "" for its top.
    """
    sign = _sign_message(request, campaign, kind, str(request.now))
    return f"{campaign_url(campaign)}?done={kind}.{request.now}.{sign}{f'#{part}' if part else ''}"


def read_done(request: PageRequest, campaign: str) -> str:
    """What the address says was done, in a sentence; "" where that was shown, is old, or is not of this session."""
    kind, _, rest = request.given["done"].partition(".")
    at, _, sign = rest.partition(".")
    fresh = at.isascii() and at.isdecimal() and 0 <= request.now - int(at[:20]) <= MESSAGE_SECONDS * SECOND
    if kind not in _TEXTS or not fresh or request.viewer is None:
        return ""
    if not hmac.compare_digest(sign.encode(errors="replace"), _sign_message(request, campaign, kind, at).encode()):
        return ""
    with _showing:
        if sign in _shown:
            return ""
        _shown[sign] = None
        if len(_shown) > MOST_SHOWN:
            _shown.popitem(last=False)
    return _TEXTS[kind]


def _sign_message(request: PageRequest, campaign: str, kind: str, at: str) -> str:
    key = request.viewer.form_token if request.viewer is not None else ""
    told = "\0".join((campaign, kind, at)).encode(errors="replace")
    return hmac.new(key.encode(), told, hashlib.sha256).hexdigest()[:_DIGITS]
