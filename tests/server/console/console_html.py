"""What a browser would make of a page: its elements, links, forms and texts; and what has no business in one."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

_VOID = frozenset(("br", "hr", "img", "input", "link", "meta", "path", "circle", "rect", "line"))
_ELEMENTS = re.compile(
    "a|article|b|blockquote|body|button|caption|circle|code|d[dlt]|details|dialog|div|fieldset|figcaption|figure|form|g"
    "|h[1-4r]|head|header|html|input|kbd|label|legend|li|line|link|main|mark|meta|nav|ol|option|p|path|pre|progress|q"
    "|rect|script"
    "|section|select|small|span|strong|sub|summary|sup|svg|t[dhr]|table|tbody|text|textarea|thead|time|title|ul"
)
_ATTRIBUTE = r"""\s+[a-zA-Z:-]+(?:="[^"<>]*"|='[^'<>]*')?"""
_TAGS = re.compile(rf"((?:<(/?)([a-z][a-z0-9]*)((?:{_ATTRIBUTE})*)\s*(/?)>)|<!doctype html>|([^<>]+))", re.ASCII)
_ATTRIBUTES = re.compile(r"""\s+([a-zA-Z:-]+)(?:=(?:"([^"]*)"|'([^']*)'))?""", re.ASCII)
_LEADING = ("href", "src", "action", "formaction", "data-href", "data-graph", "data-library", "hx-get", "xlink:href")
_HTMX = frozenset(
    (
        "hx-boost",
        "hx-target",
        "hx-select",
        "hx-select-oob",
        "hx-swap",
        "hx-push-url",
        "hx-get",
        "hx-trigger",
        "hx-indicator",
        "hx-sync",
    )
)
_LOCAL = re.compile(r"(?:/(?![/\\])|[?#])[\x21-\x7e]*|")
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
"""What a reader would not see, or would see elsewhere: controls, and marks that turn the direction of a text."""


@dataclass
class Form:
    """A form as a browser without scripts sends it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


@cache
def _is_known(tag: str) -> bool:
    """Whether our templates have elements of this name."""
    return _ELEMENTS.fullmatch(tag) is not None


@cache
def _is_ours(name: str) -> bool:
    """Whether our templates have attributes of this name: none with a script or a style in it."""
    strange = name.startswith(("on", "hx-")) and name not in _HTMX
    return not strange and name != "style" and re.fullmatch("[a-zA-Z][a-zA-Z-]*", name) is not None


class Page(HTMLParser):
    """A page that was read.

    Args:
        text: HTML.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self.problems: list[str] = []
        self.rows: list[list[str]] = []
        self.headings: list[tuple[str, str]] = []
        self.facts: list[list[str]] = []
        self.items: list[str] = []
        self.texts: list[str] = []
        self.said: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._inside: Counter[str] = Counter()
        self._ids: list[str] = []
        self._by_id: dict[str, list[str]] = {}
        self._area: list[str] | None = None
        if not self._read_plainly(text):
            self.feed(text)
            self.close()

    def _read_plainly(self, text: str) -> bool:
        """Read a page whose tags are all written in full, with quoted attributes: every parser takes it alike.

        Returns:
            False where a tag is not written so; then nothing was read.
        """
        parts = _TAGS.findall(text)
        if sum(len(one[0]) for one in parts) != len(text):
            return False
        for whole, ends, tag, attributes, alone, data in parts:
            if data:
                self.handle_data(unescape(data))
            elif ends:
                self.handle_endtag(tag)
            elif tag:
                given = _ATTRIBUTES.findall(attributes)
                values = [(name.lower(), unescape(double or single)) for name, double, single in given]
                (self.handle_startendtag if alone else self.handle_starttag)(tag, values)
            else:
                self.handle_decl(whole)
        return True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.elements.append((tag, values))
        self._examine(tag, values)
        if tag == "tr":
            self.rows.append([])
        if tag in ("details", "summary", "button", "code") and self.rows and self.rows[-1]:
            self.rows[-1][-1] += " "  # each stands on a line of its own
        if tag == "dt":
            self.facts.append(["", ""])
        if tag == "li":
            self.items.append("")
        if tag in ("h1", "h2", "h3"):
            self.headings.append((tag, ""))
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        self._fill_in(tag, values)
        if tag not in _VOID:
            self._open.append((tag, values.get("id", "")))
            self._inside[tag] += 1
            self._ids += filter(None, [values.get("id")])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._examine(tag, self.elements[-1][1])

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None and self.forms:
            self.forms[-1].fields[self._area[0]] = "".join(self._area[1:]).removeprefix("\n")
            self._area = None
        closed = ""
        while self._open and closed != tag:
            closed, name = self._open.pop()
            self._inside[closed] -= 1
            if name:
                self._ids.pop()

    def handle_data(self, data: str) -> None:
        inside = self._inside
        if inside["script"] and data.strip():
            self.problems.append(f"a script within the page: {data[:80]!r}")
        if self._area is not None:
            self._area.append(data)
        self.texts.append(data)
        for name in self._ids:
            self._by_id.setdefault(name, []).append(data)
        if self.headings and inside[self.headings[-1][0]]:
            self.headings[-1] = (self.headings[-1][0], self.headings[-1][1] + data)
        if self.facts and (inside["dt"] or inside["dd"]):
            self.facts[-1][bool(inside["dd"])] += data
        if self.items and inside["li"]:
            self.items[-1] += data
        if (inside["td"] or inside["th"]) and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def _fill_in(self, tag: str, values: dict[str, str]) -> None:
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get")))
        name, form = values.get("name", ""), self.forms[-1] if self.forms else None
        if form is None:
            return
        if tag in ("input", "select", "button") and name and values.get("type") not in ("checkbox", "search"):
            form.fields.setdefault(name, values.get("value", ""))
        if tag == "textarea":
            self._area = [name]
        if tag == "option" and self._open and self._open[-1][0] in ("select", "option"):
            chosen = next((one["name"] for kind, one in reversed(self.elements) if kind == "select"), "")
            if chosen and ("selected" in values or not form.fields.get(chosen)):
                form.fields[chosen] = values.get("value", form.fields.get(chosen, ""))

    def _examine(self, tag: str, values: dict[str, str]) -> None:
        if not _is_known(tag):
            self.problems.append(f"an element {tag!r}")
        if tag == "script" and not values.get("src", "").startswith("/static/"):
            self.problems.append(f"a script of {values}")
        for name, value in values.items():
            if not _is_ours(name):
                self.problems.append(f"an attribute {name!r} of {tag}")
            if name not in ("value", "data-value"):  # which come back as they are
                self.said.append(value)
            if name in _LEADING and not _LOCAL.fullmatch(value):
                self.problems.append(f"{name} of {tag} leads to {value[:80]!r}")

    @property
    def text(self) -> str:
        """All that can be read, with single spaces."""
        return " ".join(" ".join(self.texts).split())

    def part(self, name: str) -> str:
        """What can be read within the element of an id."""
        return " ".join("".join(self._by_id.get(name, [])).split())

    def links(self) -> list[str]:
        """Where it leads, each place once."""
        return list(dict.fromkeys(one["href"] for tag, one in self.elements if tag == "a" and one.get("href")))

    def posts(self) -> list[Form]:
        """Forms that change something."""
        return [form for form in self.forms if form.method == "post"]


def page_of(answer: httpx.Response) -> Page:
    """A page that holds nothing but what we put into it.

    Args:
        answer: HTML, whatever its status.
    """
    assert answer.headers["content-type"].startswith("text/html"), (answer.url, answer.status_code, answer.text[:500])
    page = Page(answer.text)
    assert not page.problems, (str(answer.url), page.problems[:5])
    for text in (*page.texts, *page.said):
        assert UNSEEN.search(text) is None, (str(answer.url), text[:200])
    return page


def address(answer: httpx.Response, link: str) -> str:
    """The place of this site that a link leads to."""
    return urljoin(str(answer.url), link).removeprefix("http://console.test").partition("#")[0]
