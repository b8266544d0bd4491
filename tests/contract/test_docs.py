"""Generated pages are current, and pages name what exists: commands, settings, columns, exit codes, files."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from source_tree import PACKAGE, ROOT
from typer.main import get_command

from stillhunt.base.config import Config, setting_origins
from stillhunt.base.schema import INPUT_TABLES, ROOM_TABLES
from stillhunt.base.schema_case import CASE_TABLES
from stillhunt.cli.app import EPILOG, app
from stillhunt.cli.findings import EXIT_MEANINGS

DOCS = ROOT / "docs"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generator = load_generator()


@pytest.mark.parametrize("name", sorted(generator.PAGES))
def test_generated_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == generator.PAGES[name](), "run 'make docs'"


def test_every_command_and_option_is_documented() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    for name, command in generator.walk_commands(get_command(app), "stillhunt"):
        section = page.split(f"\n## {name}\n", 1)
        assert len(section) == 2, f"no section for {name}"
        text = section[1].split("\n## ", 1)[0]
        for parameter in command.params:
            assert parameter.help or parameter.param_type_name == "argument", f"{name} {parameter.name} has no help"
            if not generator.OTHERS_OPTIONS & set(parameter.opts) and parameter.param_type_name == "option":
                assert all(f"`{spelling}`" in text for spelling in parameter.opts), f"{name} {parameter.name}"


def test_every_setting_has_a_reason_and_is_documented() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    rows = setting_origins(environ={})
    assert len(rows) > 20
    for name, _, _, reason in rows:
        assert len(reason) > 8, f"{name} needs unit and reason"
        assert f"`{name}`" in page


def test_every_column_has_a_meaning_and_is_documented() -> None:
    page = (DOCS / "tables.md").read_text(encoding="utf-8")
    for table in (*INPUT_TABLES, *ROOM_TABLES, *CASE_TABLES.values()):
        assert table.meaning.endswith(".")
        for column in table.columns:
            assert column.meaning.endswith("."), f"{table.name}.{column.name}"
            assert f"`{column.name}`" in page


def test_case_folder_has_all_of_its_tables() -> None:
    named = {"accounts", "members", "slices", "harvest", "campaigns", "evidence", "operators", "rejects"}
    assert set(CASE_TABLES) == named


def test_exit_codes_are_documented() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    for code in EXIT_MEANINGS:
        assert re.search(rf"\b{code} ", EPILOG)
        assert re.search(rf"\| {code} \|", page), f"docs/commands.md does not name exit code {code}"


def test_defaults_load_without_any_file_or_variable() -> None:
    assert Config.load(environ={}) == Config()


def test_pages_name_no_path_of_a_machine() -> None:
    for page in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]:
        found = re.findall(r"(?<![\w.])/(?:root|home|tmp|Users|work)/\S+", page.read_text(encoding="utf-8"))
        assert not found, f"{page.name}: {found}"


@pytest.mark.parametrize("page", [*sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("howto/*.md"))], ids=lambda p: p.name)
def test_first_line_of_a_page_says_who_needs_it(page: Path) -> None:
    """A page that nobody needs is not kept."""
    text = page.read_text(encoding="utf-8").partition("\n# ")[2] if page.name == "index.md" else page.read_text("utf-8")
    lines = [line for line in text.splitlines()[1:] if line.strip() and not line.startswith("<")]
    assert lines[0].startswith("For "), lines[0]


MOST_WORDS_OF_THE_README = 1_200
MOST_WORDS_OF_THE_PAGES = 80_000
WRITTEN_BY_SCRIPTS = {
    "attribution-figures.md",
    "benchmark.md",
    "calibration.md",
    "model-figures.md",
    "redaction-figures.md",
}


def test_pages_stay_short_enough_to_be_read() -> None:
    by_hand = [path for path in DOCS.rglob("*.md") if path.name not in WRITTEN_BY_SCRIPTS | set(generator.PAGES)]
    readme = re.sub(r"<!--.*?-->", "", (ROOT / "README.md").read_text(encoding="utf-8"))  # nobody reads comments
    assert len(readme.split()) <= MOST_WORDS_OF_THE_README
    assert sum(len(path.read_text(encoding="utf-8").split()) for path in by_hand) <= MOST_WORDS_OF_THE_PAGES


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))], ids=lambda p: p.name)
def test_links_between_pages_exist(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    dead = [target for target in targets if not (page.parent / target).exists()]
    assert not dead


FILES_MEANT_TO_BE_ABSENT = {
    "CONTRIBUTING.md": {"stillhunt-cut-answers/stillhunt_cut_answers.py"},  # what the worked example makes
    "0017-evidence-catalogue-and-parameters.md": {"matching/logic_v2/model.py"},  # of another project
}
"""Files that a page names and that do not exist here, by page."""


def named_files(text: str) -> list[str]:
    """Python files that a page names in code spans, without their arguments."""
    return re.findall(r"`(?:\.\.\. |python )?([\w./-]+/[\w.-]+\.py)\b[^`]*`", text)


def exists_somewhere(name: str) -> bool:
    """True for a file below the root, the package, or the folder that scripts of a page are in."""
    return any((folder / name).exists() for folder in (ROOT, PACKAGE, ROOT / "benchmarks"))


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))], ids=lambda p: p.name)
def test_files_that_pages_name_exist(page: Path) -> None:
    """A page that names a file which was moved or never written sends its reader astray."""
    named = set(named_files(page.read_text(encoding="utf-8"))) - FILES_MEANT_TO_BE_ABSENT.get(page.name, set())
    gone = sorted(name for name in named if not exists_somewhere(name))
    assert not gone, f"{page.name} names files that do not exist: {gone}"


def test_a_file_that_does_not_exist_is_noticed() -> None:
    assert named_files("see `link/no_such_file.py` and `base/schema.py`, `case/x.parquet`") == [
        "link/no_such_file.py",
        "base/schema.py",
    ]
    assert not exists_somewhere("link/no_such_file.py")
    assert exists_somewhere("base/schema.py")
