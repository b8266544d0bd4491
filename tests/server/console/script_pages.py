"""A small site with everything that the console's scripts serve, under the policy that the console sends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import stillhunt
import stillhunt_server

CONSOLE = Path(stillhunt_server.__file__).parent / "console"
FOLDERS = (CONSOLE / "static", CONSOLE / "vendor", Path(stillhunt.__file__).parent / "triage" / "vendor")
FILES = {path.name: path for folder in FOLDERS for path in folder.glob("*.js")}
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
CONFIG = {
    "includeIndicatorStyles": False,
    "allowEval": False,
    "selfRequestsOnly": True,
    "allowScriptTags": False,
    "historyCacheSize": 0,
    "refreshOnHistoryMiss": True,
    "attributesToSettle": ["class", "width", "height"],
}
HOSTILE = "</td><img src=x onerror=window.owned=1>"
STYLE = """
:root { --for: #2a6a94; --against: #a8521f; --ink: #1b2024; --soft: #566069; --rule: #dedcd5;
  --sheet: #fff; --faint: #8a939b;
  --act: #93271f; --review: #7d5a00; color: var(--ink); background: var(--sheet); font-family: sans-serif; }
:root[data-theme=dark] { --for: #5f9fcb; --sheet: #1a1e22; --ink: #e8e6e1; --act: #f0958b; }
html:not(.js) .js-only { display: none; } .chart { height: 200px; overflow: clip; } .graph { height: 480px; }
a, button { display: inline-block; min-width: 1.5rem; min-height: 1.5rem; }
body { margin: 0; } .far { height: 3000px; } main { padding: 1rem; }
tr.here { outline: 1px solid; } :focus-visible { outline: 2px solid var(--for); }
"""


def graph_of(groups: int, traits: int) -> dict[str, Any]:
    """The first nodes of a graph in which each group has three traits, and every group has steps."""
    nodes: list[dict[str, Any]] = [
        {
            "id": f"t{t}",
            "label": f"{HOSTILE} {t}",
            "kind": "trait",
            "members": 900,
            "verdict": "",
            "select": f"?with={t}",
        }
        for t in range(traits)
    ]
    for number in range(groups):
        verdict = "act" if number % 3 else "review"
        group = {"id": f"g{number}", "label": f"{number + 2} members", "kind": "group", "verdict": verdict}
        steps = [["accounts", number + 2], ["traits", 0]]
        nodes.append({**group, "members": number + 2, "select": f"/ties?with={number}", "more": steps})
    return {"nodes": nodes, "ties": [[f"g{n}", f"t{(n + k * k) % traits}"] for n in range(groups) for k in range(3)]}


_SINGLE = {"kind": "account", "members": 1, "verdict": "act"}
GRAPH_STEP = {
    "nodes": [
        {**_SINGLE, "id": "a1", "label": f"acct {HOSTILE}", "href": "/account"},
        {**_SINGLE, "id": "a2", "label": "acct-2", "href": "javascript:window.owned=1"},
    ],
    "ties": [["g0", "a1"], ["g0", "a2"]],
}
"""Accounts that a step adds to the first group."""


def rows(numbers: range) -> str:
    return "".join(
        f'<tr data-href><td><a href="/row/{n}" id="row{n}">campaign {n}</a></td><td>{n} requests</td></tr>'
        for n in numbers
    )


def chart(kind: str, heads: str, body: str) -> str:
    return (
        f'<div class="chart" data-chart="{kind}" data-table="#{kind}" role="img" aria-label="{kind}"></div>'
        f'<table id="{kind}"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'
    )


def charts() -> str:
    days = range(1, 9)
    cell = '<td data-value="{}">{}</td>'
    time = '<td data-value="2026-05-{0:02d}T00:00:00Z"><a href="/day/{0}">day {0}</a></td>'
    moments = "".join(
        f"<tr>{time.format(d)}{cell.format(d * 7, f'{d * 7} asked')}"
        f"{cell.format(d, d) if d != 4 else cell.format('', '')}</tr>"
        for d in days
    )
    named = "".join(f"<tr><td>{HOSTILE.replace('<', '&lt;')} {d}</td>{cell.format(d, d)}</tr>" for d in days)
    loads = "".join(
        f'<tr class="{"other" if d % 2 else ""}"><td><a href="/acct/{d}">acct {d}</a></td>'
        f"{cell.format(10**d // 100, d)}{cell.format(d / 8, d)}</tr>"
        for d in days
    )
    head = '<th data-axis="time">Time</th><th data-series="{0}">Requests</th><th data-series="{1}">Accounts</th>'
    return (
        chart("timeline", head.format("bar", "step"), moments)
        + chart("trend", head.format("line", "line"), moments)
        + chart("bars", '<th data-axis="label">Name</th><th data-series="bar">Requests</th>', named)
        + chart(
            "load",
            '<th data-axis="label">Account</th><th data-axis="x">Requests</th>'
            '<th data-series="point" data-unit="percent">Share</th>',
            loads,
        )
    )


GRAPH = """<div class="graph-page"><figure><div class="graph" data-graph="/graph.json" role="img" aria-label="T"></div>
<figcaption data-graph-said></figcaption></figure>
<form data-graph-panel><label>Node <select data-node></select></label><p data-node-said role="status"></p>
<p data-steps></p></form></div>"""
WORK = f"""
<nav><a href="/queue" data-go="q">Queue</a> <a href="/" data-go="o">Overview</a></nav>
<button type="button" class="js-only" data-theme>Theme: <span data-theme-name>system</span></button>
<p>Times in <span data-zone>UTC</span>. <time datetime="2026-05-01T23:30:00Z" id="when">2026-05-01 23:30 UTC</time>
<time datetime="2026-05-01T23:30:09Z" data-form="second" id="seconds">2026-05-01 23:30:09</time></p>
<form action="/search"><label>Search <input data-key="/" name="q" id="search"></label></form>
<table data-rows><thead><tr><th>Campaign</th><th>Requests</th></tr></thead>
<tbody id="rows">{rows(range(3))}</tbody></table>
<button hx-get="/more" hx-target="#rows" hx-swap="beforeend" id="more">More</button>
<p><code id="shown">acct\\x00 7</code>
<button type="button" class="js-only" data-copy="shown" data-copy-text="acct 7" id="copy">Copy</button></p>
<details><summary>Decide</summary><form method="post" action="/decide" data-key="e" data-guard id="decide">
<input type="hidden" name="version" value="3"><label>Why <textarea name="why" id="why"></textarea></label>
<button name="verdict" value="watch" id="watch">Watch</button>
<button name="verdict" value="dismiss" id="dismiss" data-confirm="Dismiss {{version}}? {{other}}">Dismiss</button>
</form></details>
<form hx-post="/hx" hx-target="#rows" data-confirm="Really?" id="hx"><button id="post">Post</button></form>
<dialog id="keys" aria-label="Keys"><form method="dialog"><button>Close</button></form></dialog>
<p id="said" role="status"></p>
"""


def page_of(body: str) -> str:
    config = json.dumps(CONFIG)
    scripts = "".join(
        f'<script defer src="/{name}" data-library="/{library}"></script>'
        for name, library in [
            ("htmx.min.js", ""),
            ("console.js", ""),
            ("keys.js", ""),
            ("forms.js", ""),
            ("charts.js", "echarts.custom.min.js"),
            ("graph.js", "cytoscape.min.js"),
        ]
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title>'
        f'<meta name="viewport" content="width=device-width">'
        f"<meta name='htmx-config' content='{config}'><script src=\"/theme.js\"></script>"
        f'<link rel="stylesheet" href="/style.css">{scripts}</head><body><main><h1>t</h1>{body}</main></body></html>'
    )


PAGES = {
    "/": ("text/html", page_of(WORK)),
    "/charts": ("text/html", page_of(charts())),
    "/graph": ("text/html", page_of(GRAPH)),
    "/far": ("text/html", page_of('<p class="far">far</p>' + GRAPH)),
    "/graph.json": ("application/json", json.dumps(graph_of(9, 8))),
    "/more": (
        "text/html",
        rows(range(3, 5)) + '<tr><td><time datetime="2026-05-02T00:00:00Z" id="late">x</time></td></tr>',
    ),
    "/style.css": ("text/css", STYLE),
}


@dataclass
class Site:
    """A server of the pages, and the forms that were posted to it."""

    address: str = ""
    posted: list[str] = field(default_factory=list)


class Answers(BaseHTTPRequestHandler):
    """The pages and scripts, all with the policy."""

    def __init__(self, site: Site, *more: Any) -> None:
        self.site = site
        super().__init__(*more)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        file = FILES.get(path[1:])
        kind, text = PAGES.get(path, ("text/html", page_of("")))
        if "part=" in self.path:
            text = json.dumps(GRAPH_STEP)
        if file:
            kind, text = "text/javascript", file.read_text("utf-8")
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.site.posted.append(self.rfile.read(int(self.headers["content-length"])).decode())
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def site_of_scripts() -> Iterator[Site]:
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Answers, site))
    site.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()
