"""The dossier in a real browser: accessible, quiet, as wide as a phone, and few printed pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence.pages.page_cases import FACTS, NAME, page_case
from server.console.accessible import violations
from server.console.browser_scenes import WATCHED, chromium
from server.console.hostile_texts import hostile_case
from stillhunt_evidence.pages.render import render_dossier

pytestmark = pytest.mark.service
MOST_PRINTED = 12


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("dossier") / "dossier.html"
    file.write_text(render_dossier(page_case(), NAME, FACTS), encoding="utf-8")
    return file


def opened(browser: Any, file: Path, **options: Any) -> tuple[Any, list[str]]:
    page, said = browser.new_context(**options).new_page(), []
    page.add_init_script(WATCHED)
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda one: said.extend([one.url] if one.url != file.as_uri() else []))
    page.goto(file.as_uri())
    return page, said


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_accessible_and_fits(browser: Any, page_file: Path, scheme: str, width: int) -> None:
    page, said = opened(browser, page_file, color_scheme=scheme, viewport={"width": width, "height": 900})
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [*said, *page.evaluate("refused")] == []
    page.context.close()


def test_hostile_texts_do_nothing(browser: Any, tmp_path: Path) -> None:
    case = hostile_case()
    file = tmp_path / "hostile.html"
    file.write_text(render_dossier(case, case.model.campaigns[0].row["campaign_id"], FACTS), encoding="utf-8")
    page, said = opened(browser, file)
    assert page.evaluate("window.pwned") is None
    assert [*said, *page.evaluate("refused")] == []
    page.context.close()


def test_each_reader_prints_one_or_two_pages(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file)
    sections = page.evaluate("[...document.querySelectorAll('section')].map((one) => one.id)")
    assert sections == ["cover", "executive", "counsel", "engineer", "annex"]
    counts = {}
    for name in sections:
        page.evaluate(
            "(name) => document.querySelectorAll('section').forEach((one) => { one.hidden = one.id !== name; })", name
        )
        counts[name] = len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True)))
    assert counts["cover"] == counts["executive"] == 1
    assert counts["counsel"] <= 2
    assert counts["engineer"] <= 2
    assert sum(counts.values()) <= MOST_PRINTED
    page.context.close()
