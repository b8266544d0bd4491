"""Evidence packs in the console: made by analysts with the narrative, fetched by readers, written down in the audit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.hunted import campaigns, hunted_case
from server.console.console_scenes import ACT, PACK, Scene, open_scene, publish, seed_people
from server.console.test_console_casework import do, form_of
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_evidence.keys.signing import trusted_keys
from stillhunt_evidence.packs.verifying import Trust, verify_pack
from stillhunt_server.console.snapshot import LatestSource


@pytest.fixture
def hunted(tmp_path: Path, runner: asyncio.Runner) -> Iterator[Scene]:
    """The console on a case that a hunt made, from whose findings the verdict follows."""
    folder = DataFolder(tmp_path / "published")
    database = WatchDatabase("", folder.database)
    publish(folder, hunted_case(), 1, database)
    seed_people(database)
    database.close()
    opened = open_scene(tmp_path / "data", folder.database, LatestSource(folder), runner)
    yield opened
    opened.database.close()


def made_packs(scene: Scene) -> list[Path]:
    assert scene.console.folder is not None
    return sorted(path for path in (scene.console.folder.path / "packs").iterdir() if path.name != PACK)


def test_an_analyst_makes_a_pack_with_the_narrative_and_fetches_it(hunted: Scene, tmp_path: Path) -> None:
    anna, campaign = hunted.reader("anna"), campaigns()[0]
    do(anna, "narrative", campaign=campaign, text="They came in March.")
    assert hunted.console.source.current() is not None
    current = hunted.console.source.current()
    assert current is not None
    member = current.members_of(campaign)["account_id"][0].as_py()
    do(anna, "comment", campaign=campaign, text=f"It begins with {member}.")
    form = form_of(anna, f"/campaigns/{campaign}", f"/campaigns/{campaign}/pack")
    answer = anna.post(form.action, form.fields)
    leads, _, part = answer.headers["location"].partition("#")
    assert (answer.status_code, part) == (303, "packs")
    assert leads.startswith(f"/campaigns/{campaign}?done=pack.")
    (path,) = made_packs(hunted)
    page = anna.page(leads)
    assert "The evidence pack is made." in page
    assert f"/packs/{path.name}" in page
    fetched = anna.get(f"/packs/{path.name}")
    assert fetched.headers["content-type"] == "application/zip"
    assert path.name in fetched.headers["content-disposition"]
    (tmp_path / "fetched.zip").write_bytes(fetched.content)
    found = verify_pack(tmp_path / "fetched.zip", Trust(trusted_keys(tmp_path / "keys")))
    told = found.files["narrative.txt"].decode()
    assert told.startswith("They came in March.\n\nComment (")
    assert re.search(r": It begins with a-[0-9a-z]+\.\n$", told), told
    assert member not in told
    assert found.manifest.header["pack"]["full"] is False
    looks = [row for row in hunted.audit() if row[1].startswith("pack")]
    assert looks == [("anna", "pack made", campaign), ("anna", "pack", path.name)]


def test_an_analyst_makes_an_extract_for_the_owner_of_an_account(hunted: Scene, tmp_path: Path) -> None:
    anna, campaign = hunted.reader("anna"), campaigns()[0]
    current = hunted.console.source.current()
    assert current is not None
    member = current.members_of(campaign)["account_id"][0].as_py()
    form = form_of(anna, f"/owners/{member}", f"/campaigns/{campaign}/extract")
    answer = anna.post(form.action, form.fields)
    assert answer.headers["content-type"] == "application/zip"
    (tmp_path / "extract.zip").write_bytes(answer.content)
    found = verify_pack(tmp_path / "extract.zip", Trust(trusted_keys(tmp_path / "keys")))
    assert found.manifest.header["extract"]["account"] in found.files["account.html"].decode()
    assert member.encode() not in answer.content
    assert [row for row in hunted.audit() if row[1] == "extract"] == [("anna", "extract", f"{member} of {campaign}")]
    vera = hunted.reader("vera")
    assert vera.post(form.action, {"account": member}).status_code == 403


def test_a_case_that_contradicts_itself_gives_no_pack(scene: Scene) -> None:
    answer = scene.reader("anna").post(f"/campaigns/{ACT}/pack")
    assert answer.status_code == 400
    assert "does not follow from the evidence" in answer.text
    assert made_packs(scene) == []


def test_a_reader_fetches_packs_and_makes_none(scene: Scene) -> None:
    vera = scene.reader("vera")
    assert "Make an evidence pack" not in vera.page(f"/campaigns/{ACT}")
    assert f"/packs/{PACK}" in vera.page(f"/campaigns/{ACT}")
    assert vera.post(f"/campaigns/{ACT}/pack").status_code == 403
    assert vera.get(f"/packs/{PACK}").status_code == 200
    assert made_packs(scene) == []


@pytest.mark.parametrize("name", ["nothing.zip", "..%2Fstillhunt.db", "%2Fetc%2Fpasswd", f"{ACT}-20260320T123001Z.zip"])
def test_only_packs_are_fetched(scene: Scene, name: str) -> None:
    before = scene.audit()
    assert scene.reader("vera").get(f"/packs/{name}").status_code == 404
    assert scene.audit() == before


def test_a_link_among_the_packs_is_not_followed(scene: Scene) -> None:
    assert scene.console.folder is not None
    link = scene.console.folder.path / "packs" / f"{ACT}-20260321T000000Z.zip"
    link.symlink_to(scene.console.folder.database)
    assert scene.reader("vera").get(f"/packs/{link.name}").status_code == 404


def test_no_pack_of_a_campaign_that_is_not_there(scene: Scene) -> None:
    assert scene.reader("anna").post("/campaigns/c-nothing/pack").status_code in (400, 404)
    assert made_packs(scene) == []
