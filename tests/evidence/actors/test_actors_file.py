"""The actors file: its example, its documentation, and the place of each error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from stillhunt.base.errors import ConfigError
from stillhunt_evidence.actors import parse_actors, read_actors
from stillhunt_evidence.actors.actors_file import ActorsFile

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "attribute.md"
ACTOR = b'[[actor]]\nname = "A"\n'
OWN_NETWORK = b"[[actor.network]]\nasn = 9\nown = true\n"


def example() -> str:
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_of_the_page_can_be_used_and_has_every_field() -> None:
    file, digest = parse_actors(example().encode())
    assert [one.name for one in file.actor] == ["Northern Lab", "Southern Lab"]
    assert len(digest) == 64
    first = file.actor[0]
    unused = [name for name in type(first).model_fields if not getattr(first, name)]
    unused += [name for name in ("temperature", "top_p", "max_tokens") if not getattr(first.settings, name)]
    unused += [name for name in type(first.sign_up).model_fields if not getattr(first.sign_up, name)]
    unused += [name for name in type(first.known).model_fields if not getattr(first.known, name)]
    assert not unused
    assert first.model[0].announced is not None


def fields_of(model: type[BaseModel]) -> set[str]:
    """Names of all fields, also of the models within."""
    found = set()
    for name, field in model.model_fields.items():
        found.add(name)
        inner = re.findall(r"stillhunt_evidence\.actors\.actors_file\.(\w+)", str(field.annotation))
        inner += [field.annotation.__name__] if isinstance(field.annotation, type) else []
        for one in inner:
            kind = getattr(__import__("stillhunt_evidence.actors.actors_file", fromlist=[one]), one, None)
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= fields_of(kind)
    return found


def test_every_field_is_documented() -> None:
    table = PAGE.read_text(encoding="utf-8").split("| field | meaning |")[1].split("\n\n")[0]
    named = {name.removeprefix("actor.") for name in re.findall(r"`([\w.]+)`", table)}
    fields = fields_of(ActorsFile)
    assert {"asn", "utc_offset", "declared_uses", "announced", "own_network"} <= fields
    assert fields - named == {"actor"}


@pytest.mark.parametrize(
    ("content", "what", "line"),
    [
        (b"", "actor: Field required", 1),
        (b"\xff", "not UTF-8", 1),
        (b"a = 1\nb = = 2\n", "no TOML", 2),
        (ACTOR + b"colour = 1\n", "actor.1.colour: no such field", 3),
        (ACTOR + ACTOR, "two actors have one name or alias: a", 1),
        (ACTOR + b'skills = ["cooking"]\n', "no such skill; choose one of: reasoning traces", 3),
        (ACTOR + b'phrases = ["too short a"]\n', "fewer than 5 words", 3),
        (ACTOR + b'countries = ["Singapore"]\n', "actor.1.countries.1: String should match", 3),
        (ACTOR + b"[[actor.network]]\nown = true\n", "give asn or name", 3),
        (ACTOR + b'[[actor.network]]\nasn = 1\n[[actor.network]]\nasn = 2\nname = "Two"\n', "give asn or name", 5),
        (ACTOR + b"[actor.hours]\nutc_offset = 0\nbegin = 0\nend = 24\n", "the same hour", 3),
        (ACTOR + b'[actor.known]\naddresses = ["10.0.0.1"]\n', "actor.1.known.addresses.1: String should match", 4),
        (
            ACTOR
            + b'[[actor.model]]\nname = "M"\nreleased = 2026-01-01\nannounced = 2026-01-02\nskills = ["coding"]\n',
            "announced is after released",
            3,
        ),
        (
            ACTOR + b'[actor.known]\ncampaigns = ["c-1"]\n[[actor]]\nname = "B"\n[actor.known]\ncampaigns = ["c-1"]\n',
            "two actors have one known campaign: c-1",
            1,
        ),
        (
            ACTOR + OWN_NETWORK + b'[[actor]]\nname = "B"\n' + OWN_NETWORK,
            "two actors have one network that is an actor's own: 9",
            1,
        ),
        (b"somebody_else = 0.1\n" + ACTOR, "somebody_else: Input should be greater", 1),
        (b"version = 2\n" + ACTOR, "version: Input should be 1", 1),
    ],
)
def test_errors_have_a_place_and_a_next_step(content: bytes, what: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_actors(content, "a.toml")
    assert what in caught.value.what
    assert re.fullmatch(rf"a\.toml:{line}(:\d+)?", caught.value.where), caught.value.where
    assert "docs/howto/attribute.md" in caught.value.next_step


def test_a_file_is_read_and_a_missing_or_huge_one_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "actors.toml"
    with pytest.raises(ConfigError, match="No such file"):
        read_actors(path)
    path.write_bytes(ACTOR)
    assert read_actors(path).file.actor[0].name == "A"
    path.write_bytes(ACTOR + b"#" * (8 << 20))
    with pytest.raises(ConfigError, match="larger than 8 MiB"):
        read_actors(path)
