"""The site is built strictly, needs no network to be built or read, and a broken link breaks the build."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mkdocs.exceptions import PluginError
from source_tree import PACKAGE, ROOT

import pictures
import site_hooks

CHROMIUM = Path("/usr/bin/chromium")
ASSETS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "form": "action"}
"""Tags that make a browser load something, and the attribute that says from where."""


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(root / "mkdocs.yml"), "-d", str(site)],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "http_proxy": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


class Loads(HTMLParser):
    """Collects the addresses that a page loads by itself; links to click are none of them."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(ASSETS.get(tag, ""))
        if address and dict(attrs).get("rel") != "canonical":
            self.addresses.append(address)


def remote(addresses: list[str]) -> list[str]:
    return [address for address in addresses if re.match(r"(?:https?:)?//", address)]


def test_pages_load_nothing_from_the_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        assert loads.addresses
        assert not remote(loads.addresses), page.name
        assert "mermaid" not in page.read_text(encoding="utf-8"), f"{page.name}: the theme loads mermaid from a CDN"
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not remote(re.findall(r"""(?:url\(|@import\s+)["']?([^"')\s]+)""", text)), sheet.name


def test_an_address_of_the_network_is_noticed() -> None:
    loads = Loads()
    loads.feed('<a href="https://a.example"><script src="//cdn.example/x.js"></script><img src="img/x.png">')
    assert remote(loads.addresses) == ["//cdn.example/x.js"]


def test_code_links_are_names_and_root_pages_are_there(site: Path) -> None:
    """Links out of docs/ hold on GitHub; the site has no code, and must not show them as links that lead nowhere."""
    assert not re.search(r'href="[^"]*\.\./packages/', (site / "glossary.html").read_text(encoding="utf-8"))
    assert "Change stillhunt itself" in (site / "contributing.html").read_text(encoding="utf-8")
    assert 'id="how-well-it-works"' in (site / "index.html").read_text(encoding="utf-8")


def test_no_list_is_swallowed_by_the_paragraph_before_it(site: Path) -> None:
    """Python-Markdown, unlike GitHub, wants an empty line before a list."""
    for page in site.rglob("*.html"):
        swallowed = re.findall(r"<p>[^<]*\n(?:- |\d+\. )[^<]*", page.read_text(encoding="utf-8"))
        assert not swallowed, f"{page.name}: {swallowed[0]}"


def test_broken_links_anchors_and_forgotten_pages_break_the_build(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for name in (
        "mkdocs.yml",
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "UPDATING.md",
        "LICENSE",
        "packages",
        "examples",
        "benchmarks",
        "tests",
    ):
        (tmp_path / name).symlink_to(ROOT / name)
    page = tmp_path / "docs" / "limits.md"
    page.write_text(page.read_text("utf-8") + "\n[a](no-such-page.md) [b](settings.md#no-such-anchor)\n", "utf-8")
    (tmp_path / "docs" / "forgotten.md").write_text("# Forgotten\n", encoding="utf-8")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    for word in ("no-such-page.md", "#no-such-anchor", "forgotten.md", "Aborted with 3 warnings in strict mode"):
        assert word in done.stdout + done.stderr


def test_links_out_of_the_pages_become_links_of_the_site() -> None:
    told = site_hooks.site_links(
        "[a](docs/drill.md#limits) [b](docs/adr) [c](LICENSE) [d](https://x.example)", "README.md", ""
    )
    assert told == "[a](drill.md#limits) [b](adr/README.md) c [d](https://x.example)"
    assert site_hooks.site_links("[a](../../README.md#x)", "docs/howto/enrich.md", "") == "[a](../index.md#x)"
    at_home = site_hooks.site_links(
        "[a](../packages/stillhunt/src/stillhunt)", "docs/glossary.md", "https://git.example/stillhunt"
    )
    assert at_home == "[a](https://git.example/stillhunt/blob/HEAD/packages/stillhunt/src/stillhunt)"
    with pytest.raises(PluginError, match="gone"):
        site_hooks.site_links("[a](../packages/gone.py)", "docs/glossary.md", "")


def test_rooms_of_the_picture_are_those_of_the_program() -> None:
    rooms = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    assert list(pictures.ROOMS) == sorted(rooms - {"base", "cli", "decide", "ledger", "plugins", "watch"})


@pytest.mark.service
def test_search_works_from_the_disk_without_network(site: Path) -> None:
    if not CHROMIUM.exists() and os.environ.get("STILLHUNT_REQUIRE_SERVICES") != "1":
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright  # slow to import, and only needed where the browser is

    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        for name in ("tutorial", "tables", "index"):
            page.goto((site / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{name} is wider than a phone"
        page.locator("label[for=__search]:visible").first.click()
        page.locator(".md-search__input").press_sequentially("exit code")
        page.wait_for_selector(".md-search-result__item")
        browser.close()
    assert not remote(asked)
