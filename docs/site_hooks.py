"""What the site needs besides MkDocs: pages from the root, links to files that are no pages, and marks at old figures.

The pages link to each other and to code as GitHub shows them. In the site, a link to code becomes the file's name,
because the site has no code to show; with `repo_url` in mkdocs.yml it links there instead.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

import page_figures

ROOT = Path(__file__).parent.parent
FROM_ROOT = {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
    "updating.md": "UPDATING.md",
}
"""Page of the site -> file of the repository that it shows."""
PAGE_OF = {"README.md": "index.md", "docs/adr": "adr/README.md"} | {there: page for page, there in FROM_ROOT.items()}
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?!\w+:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


TERMINAL = re.compile(r"^```console\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
"""Commands and their output. The highlighter would take a line of output that begins with `%` for a command."""
RARELY_SOUGHT = (
    "adr/",
    "benchmark",
    "calibration",
    "changelog",
    "contributing",
    "mutation",
    "parameters",
    "sensitivity",
)
"""Pages that a search shows below the others."""
SHOWN = re.compile(r"<!-- README\.md: (## .*) -->")
"""Place in the home page for a section of the README, which is written once."""
ALL_FIGURES = "<!-- all figures -->"
"""Place in a page for the table of all figures."""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie in the root of the repository."""
    for page, name in FROM_ROOT.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Turn links as they stand in the repository into links of the site."""
    name = page.file.src_uri
    if name.startswith(RARELY_SOUGHT):
        page.meta.setdefault("search", {"boost": 0.3})
    if name == "index.md":
        markdown = SHOWN.sub(lambda wanted: _readme_section(wanted[1], config), markdown)
    markdown = TERMINAL.sub(_with_commands_marked, markdown)
    figures = page_figures.read_figures() | page_figures.read_history()
    if ALL_FIGURES in markdown:
        markdown = markdown.replace(ALL_FIGURES, page_figures.figures_table(figures))
    markdown = page_figures.mark_figures(markdown, figures)
    return site_links(markdown, FROM_ROOT.get(name, f"docs/{name}"), config.repo_url or "")


def _with_commands_marked(block: re.Match[str]) -> str:
    lines = enumerate(block[1].split("\n"), start=1)
    typed = " ".join(str(number) for number, line in lines if line.startswith(("$ ", "> ")))
    marks = f' hl_lines="{typed}"' if typed else ""  # an empty list is no option, and the page would swallow the fence
    return f"```text{marks}\n{block[1]}```\n"


def _readme_section(heading: str, config: Any) -> str:
    _, found, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"\n{heading}\n")
    if not found:
        raise PluginError(f"README.md has no section {heading!r}")
    section = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return f"{heading}\n{site_links(section, 'README.md', config.repo_url or '')}"


def site_links(markdown: str, file: str, repo_url: str) -> str:
    """Text with links that hold in the site.

    Args:
        markdown: text of a page.
        file: where it stands in the repository.
        repo_url: address of the repository; empty when it has none.

    Raises:
        PluginError: a link names a file that does not exist.
    """

    def changed(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(file), link["path"]))
        anchor = link["anchor"] or ""
        if target in PAGE_OF or (target.startswith("docs/") and (ROOT / target).is_file()):
            there = PAGE_OF.get(target, target.removeprefix("docs/"))
            here = posixpath.dirname(file.removeprefix("docs/")) if file.startswith("docs/") else ""
            return f"[{link['text']}]({posixpath.relpath(there, here or '.')}{anchor})"
        if target.startswith("docs/"):
            return link[0]  # MkDocs says that there is no such page
        if not (ROOT / target).exists():
            raise PluginError(f"{file} links to {target}, which does not exist")
        return f"[{link['text']}]({repo_url}/blob/HEAD/{target})" if repo_url else link["text"]

    return LINK.sub(changed, markdown)
