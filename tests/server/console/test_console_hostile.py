"""A case whose ids, phrases and statements are meant to do harm: all of it stays text, and every link leads there."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import insert

from server.console.console_html import UNSEEN, address, page_of
from server.console.console_routes import PAGES
from server.console.console_scenes import Scene, open_scene, publish
from server.console.hostile_texts import hostile_case, payloads
from stillhunt.base.formatting import escape_controls
from stillhunt.base.ids import kept_id, visible_id
from stillhunt.triage import Case
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import ALERTS
from stillhunt.watch.early_signs.signs import SIGNS_FILE, EarlySign, signs_as_json
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import name_of
from stillhunt_server.console.pages_overview import NEWS_SHOWN
from stillhunt_server.console.rendering import account_of_path, account_url
from stillhunt_server.console.snapshot import LatestSource

_ODD = (
    ".",
    "..",
    "...",
    "/.",
    "/..",
    "//..",
    "./",
    "../users",
    "a/b",
    "/",
    "//",
    "/a/",
    "?",
    "#",
    "%",
    "%2F",
    "%2e%2e",
    "%00",
    "&",
    "a?rows=requests",
    "a#b",
    "a&b=c;d",
    "a+b c",
    " a ",
    "\\",
    "\\\\evil.example",
    "http://evil.example/",
    "x" * 4_000,
    "é/日本/🎉",
    "e\u0301",
    "\N{ARABIC LETTER ALEF}" * 40,
    "graph.json",
    "'; drop table accounts; --",
    "${7*7}{{7*7}}",
)
ODD_IDS = tuple(map(kept_id, _ODD))
"""Ids that could be taken for something else in an address."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, runner: asyncio.Runner) -> Iterator[Scene]:
    """The console on such a case; ids are kept as whoever reads logs keeps them."""
    made = hostile_case()
    tables = {name: with_kept_ids(table) for name, table in made.tables.items()}
    (row,) = tables["accounts"].slice(tables["accounts"].num_rows - 1).to_pylist()
    odd = [{**row, "account_id": one, "score": 0.5 - 0.001 * n} for n, one in enumerate(ODD_IDS)]
    tables["accounts"] = pa.concat_tables([tables["accounts"], pa.Table.from_pylist(odd, tables["accounts"].schema)])
    case = Case(
        tables,
        samples=with_kept_ids(made.samples),
        timeline=made.timeline,
        run=made.run,
        origins=with_kept_ids(made.origins),
        member_details=with_kept_ids(made.member_details),
        addresses=with_kept_ids(made.addresses),
    )
    folder = tmp_path_factory.mktemp("hostile") / "data"
    data = DataFolder(folder)
    WatchDatabase("", data.database).close()
    publish(data, case, 1)
    made_at = 10**15
    signs = [
        EarlySign(str(n), "new_model", text[:60], [visible_id(text)], text, made_at, made_at, text)
        for n, text in enumerate(payloads()[::11])
    ]
    (data.snapshots / name_of(1) / SIGNS_FILE).write_bytes(signs_as_json(signs))
    scene = open_scene(folder, None, LatestSource(data), runner)
    yield scene
    scene.database.close()


def with_kept_ids(table: pa.Table) -> pa.Table:
    for name in ("account_id", "request_id"):
        if name in table.schema.names:
            place = table.schema.get_field_index(name)
            ids = [None if one is None else kept_id(one) for one in table[name].to_pylist()]
            table = table.set_column(place, table.schema.field(name), pa.array(ids, pa.string()))
    return table


def campaigns(scene: Scene) -> list[str]:
    shown = scene.console.source.current()
    assert shown is not None
    return list(shown.by_id)


def pages(scene: Scene) -> list[str]:
    """Every page that a menu, a table or a campaign leads to."""
    menu = [entry.url for path, entry in PAGES.items() if "{" not in path and entry.needs]
    menu += [f"{url}?columns=all&size=250" for url in ("/accounts", "/campaigns", "/groups", "/sources")]
    parts = (
        "",
        "/members?columns=all",
        "/evidence?size=250",
        "/requests",
        "/ties",
        "/ties?view=timeline",
        "/ties?view=graph",
        "/ties?view=countries",
        "/graph.json",
        "/graph.json?part=accounts&node=g",
        "/phrase?phrase=%3C",
    )
    return menu + [f"/campaigns/{quote(name, safe='')}{part}" for name in campaigns(scene) for part in parts]


def test_no_page_holds_more_than_text_of_what_logs_say(hostile: Scene) -> None:
    adam, seen = hostile.reader("adam"), 0
    for url in pages(hostile):
        answer = adam.get(url)
        assert answer.status_code == 200, url
        if url.startswith("/report") or url == "/hunt":
            continue
        if "graph.json" in url:
            nodes = json.loads(answer.text)["nodes"]
            leads = [node["href"] for node in nodes] + [node["select"] for node in nodes]
            assert all(re.fullmatch(r"(/(accounts|campaigns)/[\x21-\x7e]*)?", one) for one in leads)
            assert all(node["label"] == escape_controls(node["label"]) for node in nodes)
            continue
        if url.endswith(".json"):  # data of our own scripts, which make text nodes of it
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            continue
        page = page_of(answer)
        scripts = [one.get("src", "") for tag, one in page.elements if tag == "script"]
        assert scripts
        assert all(one.startswith("/static/") for one in scripts)
        seen += "window.pwned=1" in page.text
    assert seen > 15  # the texts are there


def test_what_is_searched_for_stays_text(hostile: Scene) -> None:
    vera = hostile.reader("vera")
    for text in payloads()[::13]:
        for url in (
            "/search?for=",
            "/accounts?find=",
            f"/campaigns/{quote(campaigns(hostile)[0], safe='')}/phrase?phrase=",
        ):
            answer = vera.get(url + quote(text))
            assert answer.status_code == 200
            page_of(answer)
        answer = vera.get(
            f"/accounts?verdict={quote(text)}&sort={quote(text)}&page={quote(text)}&campaign_id={quote(text)}"
        )
        assert answer.status_code == 200
        page_of(answer)


def test_every_account_is_reached_by_its_link(hostile: Scene) -> None:
    """Each row of the table of accounts leads to the page of that account, whatever its id is."""
    vera, shown = hostile.reader("vera"), hostile.console.source.current()
    assert shown is not None
    ids = pq.read_table(io.BytesIO(vera.get("/accounts?as=parquet").content))["account_id"].to_pylist()
    assert set(ids) == set(shown.case.accounts["account_id"].to_pylist())
    number, reached = 0, 0
    for page in range(1, 1 + -(-len(ids) // 250)):
        answer = vera.get(f"/accounts?size=250&page={page}")
        for tag, row in page_of(answer).elements:
            if tag != "tr" or "data-href" not in row:
                continue
            wanted, link, number = ids[number], address(answer, row["data-href"]), number + 1
            if wanted not in ODD_IDS and number % 15:
                continue
            (who, what, about), *_ = hostile.looks(vera, link)
            assert (who, what, about[:100]) == ("vera", "account", escape_controls(wanted)[:100])
            reached += 1
    assert number == len(ids)
    assert reached > len(ODD_IDS) + 25


@pytest.mark.parametrize("account", ODD_IDS)
def test_an_id_survives_its_address(account: str) -> None:
    address = account_url(account)
    assert re.fullmatch(r"/accounts/[A-Za-z0-9%._~-]+", address)
    assert not re.fullmatch(r"(?i)(\.|%2e){1,2}", address.removeprefix("/accounts/"))  # browsers go elsewhere
    assert account_of_path(unquote(address.removeprefix("/accounts/"))) == account


def test_exports_start_no_formula(hostile: Scene) -> None:
    adam, cells = hostile.reader("adam"), 0
    names = [quote(name, safe="") for name in campaigns(hostile)]
    tables = ["/accounts", "/campaigns", "/sources", "/programmes"]
    tables += [f"/campaigns/{name}/{part}" for name in names[:2] for part in ("members", "evidence", "requests")]
    for url in tables:
        answer = adam.get(f"{url}?as=csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert re.fullmatch(r'attachment; filename="[a-z]+\.csv"', answer.headers["content-disposition"])
        rows = list(csv.reader(io.StringIO(answer.text)))
        kept = pq.read_table(io.BytesIO(adam.get(f"{url}?as=parquet").content))
        assert len(rows) == kept.num_rows + 1
        assert rows[0] == kept.schema.names
        texts = [n for n, field in enumerate(kept.schema) if not pa.types.is_floating(field.type)]
        for row in rows[1:]:
            for cell in (row[n] for n in texts):
                assert not re.match(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", cell), (url, cell[:80])
                assert not UNSEEN.search(cell), (url, cell[:80])
                cells += 1
    assert cells > 5_000


def test_alerts_with_such_texts_stay_text(hostile: Scene) -> None:
    adam, texts = hostile.reader("adam"), [*payloads()[::9], "{"]
    for first in range(0, len(texts), NEWS_SHOWN):
        for number, text in enumerate(texts[first : first + NEWS_SHOWN], first):
            body = json.dumps({"title": text, "changes": [text]}) if number < len(texts) - 1 else text
            row = {"alert_id": f"a{number}", "at": 10**15 + number, "kind": "act", "campaign_id": "..", "body": body}
            with hostile.database.write() as connection:
                connection.execute(insert(ALERTS).values(**row))
        page = page_of(adam.get("/"))
        assert len(page.items) > NEWS_SHOWN
