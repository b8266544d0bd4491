"""Every route for every role: who may read, who may change, and that what is refused changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from server.console.console_routes import FORMS, PAGES, Entry
from server.console.console_scenes import ACT, COOKIE, PEOPLE, Reader, Scene
from stillhunt_server.console import app as console_app_module
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.navigation import ConsolePage, MenuEntry, PageRoute
from stillhunt_server.people.users import PERSON_ROLES, disable_user, role_includes

KINDS = ("open", "assign", "comment", "label", "unlabel", "narrative", "act", "watch", "dismiss", "reopen", "undo")
WHO: dict[str, Callable[[Scene], Reader]] = {
    "viewer": lambda scene: scene.reader("vera"),
    "analyst": lambda scene: scene.reader("anna"),
    "admin": lambda scene: scene.reader("adam"),
    "nobody": lambda scene: scene.reader(),
    "disabled": lambda scene: scene.reader("dora"),
    "expired": lambda scene: scene.expired("adam"),
}


def routes_of(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[Route]:
    """Routes that the application is made of."""
    made: list[Route] = []
    monkeypatch.setattr(console_app_module, "_build_console_app", lambda _console, routes: made.extend(routes))
    console_app_module.console_app(scene.console, scene.people)
    return made


def test_every_route_has_an_entry_here(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(route.path, method) for route in routes_of(scene, monkeypatch) for method in route.methods or ()]
    assert sorted(found) == sorted(
        [(path, method) for path in PAGES for method in ("GET", "HEAD")] + [(path, "POST") for path in FORMS]
    )


def is_open_to(entry: Entry, who: str) -> bool:
    return not entry.needs or (who in PERSON_ROLES and role_includes(who, entry.needs))


def is_refused(answer: Any) -> bool:
    leads = answer.headers.get("location", "")
    return answer.status_code in (401, 403) or (answer.status_code == 303 and leads.startswith("/sign-in?next="))


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_open_to_those_of_its_role_alone(reading: Scene, path: str, who: str) -> None:
    entry, reader = PAGES[path], WHO[who](reading)
    if is_open_to(entry, who):
        answer = reader.get(entry.url)
        assert answer.status_code == (303 if path == "/sign-in" and who in PERSON_ROLES else 200)
    else:
        before, answer = reading.kept(), reader.get(entry.url)
        assert answer.status_code == (403 if who in PERSON_ROLES else 303)
        assert is_refused(answer)
        assert reading.kept() == before


@pytest.mark.parametrize("path", FORMS)
def test_a_form_is_open_to_those_of_its_role_alone(scene: Scene, path: str) -> None:
    entry, before = FORMS[path], scene.kept()
    refused = [who for who in WHO if not is_open_to(entry, who)]
    for who in refused:
        answer = WHO[who](scene).post(entry.url, entry.fields)
        assert answer.status_code == (403 if who in PERSON_ROLES else 303)
        assert is_refused(answer)
    assert scene.kept() == before
    doer = "admin" if path == "/users" else "analyst"
    assert WHO[doer](scene).post(entry.url, entry.fields).status_code == entry.done
    # The code of an appeal is made for each folder: test_console_owners. Nothing waits: test_console_second_*.
    assert scene.kept() != before or path in ("/appeal", "/decisions/approve", "/campaigns/{campaign}/second-look")
    for who in set(WHO) - set(refused) - {doer}:
        assert not is_refused(WHO[who](scene).post(entry.url, {**entry.fields, "version": "1"})) or entry.done == 401


@pytest.mark.parametrize("who", ["viewer", "analyst", "nobody"])
def test_no_route_takes_another_method(reading: Scene, who: str) -> None:
    """What a path does not know is refused to everybody, before anything is done."""
    reader, before = WHO[who](reading), reading.kept()
    for path in {**PAGES, **FORMS}:
        url = PAGES[path].url if path in PAGES else FORMS[path].url
        known = {*(("GET", "HEAD", "OPTIONS") if path in PAGES else ()), *(("POST",) if path in FORMS else ())}
        for method in {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - known:
            answer = reader.send(method, url, headers={"x-form-token": reader.token})
            assert is_refused(answer) or answer.status_code == 405, (method, url, answer.status_code)
    assert reading.kept() == before


@pytest.mark.parametrize("who", ["viewer", "nobody"])
def test_no_change_of_a_case_is_open_to_those_who_only_read(scene: Scene, who: str) -> None:
    reader, before = WHO[who](scene), scene.kept()
    fields = {"version": "0", "text": "a", "label": "a", "note": "a", "reason": "other", "action": "tag", "days": "1"}
    assert all(is_refused(reader.post(f"/campaigns/{ACT}/case/{kind}", fields)) for kind in KINDS)
    assert scene.kept() == before


FORGED: dict[str, Callable[[Scene, Reader], dict[str, Any]]] = {
    "no token": lambda _scene, _reader: {"fields": {"form_token": ""}},
    "the token of another session": lambda scene, _reader: {"fields": {"form_token": scene.reader("anna").token}},
    "a token in JSON": lambda _scene, reader: {"json": {"form_token": reader.token}},
    "a page of another site": lambda _scene, _reader: {"headers": {"origin": "https://evil.example"}},
    "a page of another port": lambda _scene, _reader: {"headers": {"origin": "http://console.test:81"}},
    "a page without an origin": lambda _scene, _reader: {"headers": {"origin": "null"}},
    "a browser that says so": lambda _scene, _reader: {"headers": {"sec-fetch-site": "cross-site"}},
    "another host of the same domain": lambda _scene, _reader: {"headers": {"sec-fetch-site": "same-site"}},
}


@pytest.mark.parametrize("path", FORMS)
def test_a_form_that_is_not_ours_changes_nothing(reading: Scene, path: str) -> None:
    entry, reader, before = FORMS[path], reading.reader("adam" if path == "/users" else "anna"), reading.kept()
    for forged, forge in FORGED.items():
        made = forge(reading, reader)
        fields = {**entry.fields, **made.pop("fields", {})}
        if path in ("/sign-in", "/appeal") and "headers" not in made:
            continue  # nobody has a session there, and hence no token
        if "json" in made:
            answer = reader.send("POST", entry.url, json=made["json"])
        else:
            answer = reader.post(entry.url, fields, **made)
        assert answer.status_code == 403, forged
    assert reading.kept() == before


def test_a_browser_of_our_own_pages_may_send_forms(scene: Scene) -> None:
    headers = {"origin": "http://console.test", "sec-fetch-site": "same-origin"}
    entry, anna = FORMS["/filters"], scene.reader("anna")
    assert anna.post(entry.url, entry.fields, headers=headers).status_code == 303
    token = {"x-form-token": anna.token, "content-type": "application/x-www-form-urlencoded"}
    assert anna.send("POST", entry.url, content="page=/campaigns&name=b&query=", headers=token).status_code == 303


def test_somebody_who_is_disabled_is_refused_at_once(scene: Scene) -> None:
    reader = scene.reader("anna")
    assert reader.get("/").status_code == 200
    disable_user(scene.database, "anna", "test")
    scene.people.sessions._known.clear()  # a second later
    assert is_refused(reader.get("/"))


def test_a_cookie_that_is_none_is_nobody(reading: Scene) -> None:
    reader = reading.reader()
    for cookie in (b"x", b"x" * 5000, b"%00", "é".encode()):
        answer = reader.get("/campaigns", headers={"cookie": COOKIE.encode() + b"=" + cookie})
        assert answer.headers["location"] == "/sign-in?next=%2Fcampaigns&ended=1"


def test_those_who_only_read_are_offered_no_form(reading: Scene) -> None:
    vera = reading.reader("vera")
    for entry in PAGES.values():
        if entry.needs == "viewer":
            text = vera.get(entry.url).text
            assert text.count('method="post"') == text.count('action="/sign-out"'), entry.url


def test_the_roles_of_these_tests_are_all_that_there_are() -> None:
    assert {PEOPLE[name] for name in ("vera", "anna", "adam")} == set(PERSON_ROLES)


def test_only_the_door_and_what_is_before_it_see_a_request_of_the_framework() -> None:
    folder = Path(console_app_module.__file__).parent
    seen = {path.name for path in folder.glob("*.py") if "starlette.requests" in path.read_text(encoding="utf-8")}
    assert seen == {"app.py", "door.py", "key_guard.py"}


def test_a_page_of_a_plugin_needs_the_role_of_its_menu_and_is_written_down(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def page(request: PageRequest) -> PlainTextResponse:
        return PlainTextResponse(f"{request.by} {request.route['part']} {request.given['of']} {request.form['note']}")

    routes = (PageRoute("/extra/{part}", page), PageRoute("/extra/{part}", page, "POST", "admin"))
    extra = ConsolePage("extra", routes, MenuEntry("/extra/menu", "Extra", role="analyst"))
    monkeypatch.setattr(console_app_module, "plugin_pages", lambda: (extra,))
    scene.app, before = console_app_module.console_app(scene.console, scene.people), len(scene.audit())
    assert scene.reader("vera").get("/extra/a").status_code == 403
    assert scene.reader("anna").post("/extra/a", {"note": "n"}).status_code == 403
    assert scene.audit(before) == []
    assert scene.reader("anna").get("/extra/a?of=first&of=last").text == "anna a last "
    assert scene.reader("adam").post("/extra/b", {"note": "n"}).text == "adam b  n"
    seen = [("anna", "page extra", "/extra/a"), ("adam", "page extra", "/extra/b")]
    assert scene.audit(before) == seen
    scene.reader("anna").get("/extra/c?as=csv&find=198.51.100.7")
    assert scene.audit(before + 2) == [("anna", "export", "page extra of /extra/c: as=csv&find=[address]")]
