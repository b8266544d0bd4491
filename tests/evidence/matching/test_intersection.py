"""Private set intersection: the asking side learns what both have and no more, and no file that comes in is trusted."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.matching.match_scenes import SKETCHES_MADE, features_of, sets_of
from stillhunt.base.errors import ConfigError, PackError
from stillhunt_evidence.matching import intersection, intersection_files
from stillhunt_evidence.matching.comparing import MATCH, NO_MATCH, compare_campaigns
from stillhunt_evidence.matching.intersection import AskedPair, answer, ask, learn
from stillhunt_evidence.matching.intersection_files import (
    POINT_BYTES,
    MatchRequest,
    MatchResponse,
    MatchSecret,
    as_message,
    message_from_json,
    points_of,
    read_message,
)
from stillhunt_evidence.matching.parameters import MOST_ASKED_FEATURES

MINE = [features_of("c-one", range(1000, 1040), range(100, 140)), features_of("c-two", range(2000, 2040))]
THEIRS = [features_of("t-one", range(1004, 1044), range(102, 142)), features_of("t-two", range(5000, 5009))]


def sent(message: Any) -> Any:
    """A message, written and read."""
    return message_from_json(as_message(message), type(message), where="file")


def exchange(mine: Any = MINE, theirs: Any = THEIRS, *, counts_only: bool = False) -> list[AskedPair]:
    request, secret = ask(mine, SKETCHES_MADE, counts_only=counts_only)
    response = answer(sent(request), theirs, SKETCHES_MADE, "request")
    return learn(sent(secret), sent(response), "response")


def test_the_asking_side_learns_what_both_have() -> None:
    found = exchange()
    assert len(found) == 4
    best = found[0]
    assert (best.mine, best.score.verdict) == ("c-one", MATCH)
    assert best.score.sentences[0].startswith("They share 36 phrases of 40 here and 40 there, 90 % of their weight")
    assert best.score.sentences[1].startswith("They share 38 telling words of 40 here and 40 there")
    # The weights of both sides are alike here, so the files would give the same.
    assert best.score == compare_campaigns(sets_of(range(40), range(40)), sets_of(range(4, 44), range(2, 42)))
    assert [one.score.verdict for one in found[1:]] == [NO_MATCH] * 3


def test_counts_only_tell_no_more() -> None:
    found = exchange(MINE[:1], counts_only=True)
    assert {(one.mine, one.theirs) for one in found} == {("c-one", 1), ("c-one", 2)}
    assert found[0].score.sentences[0].startswith("They share 36 phrases of 40 here and 40 there, 90 %")
    with pytest.raises(PackError, match="one campaign at a time"):
        ask(MINE, SKETCHES_MADE, counts_only=True)
    request, secret = ask(MINE[:1], SKETCHES_MADE, counts_only=True)
    response = answer(request, THEIRS, SKETCHES_MADE, "request")
    assert response.header.counts_only
    psi = importlib.import_module("private_set_intersection.python")
    setup = psi.ServerSetup()
    setup.raw.encrypted_elements.extend(points_of(response.campaigns[0].phrase.own, "response"))
    back = psi.Response(encrypted_elements=points_of(response.campaigns[0].phrase.asked, "response"))
    with pytest.raises(RuntimeError):
        psi.client.CreateFromKey(secret.key, False).GetIntersection(setup, back)
    # Nor with a key that asks for more: what came back is in another order than what was sent.
    known = psi.client.CreateFromKey(secret.key, True).GetIntersection(setup, back)
    shared = {secret.phrase[at] for at in known}
    assert shared != {one.value for one in MINE[0].kinds["phrase"]} & {one.value for one in THEIRS[0].kinds["phrase"]}


def test_what_is_sent_hides_values_and_their_order() -> None:
    request, secret = ask(MINE, SKETCHES_MADE)
    assert sorted(secret.phrase) == [*range(1000, 1040), *range(2000, 2040)]
    assert secret.phrase != sorted(secret.phrase)
    again, _ = ask(MINE, SKETCHES_MADE)
    assert not set(points_of(request.phrase, "")) & set(points_of(again.phrase, ""))
    assert "1000" not in as_message(request).decode()
    assert request.header.exchange != again.header.exchange


def test_each_campaign_and_each_answer_has_a_key_of_its_own() -> None:
    """Otherwise answers could be put together: what two campaigns share, or what changed since the last request."""
    request, _ = ask(MINE, SKETCHES_MADE)
    first, second = (answer(request, [THEIRS[0], THEIRS[0]], SKETCHES_MADE, "request") for _ in range(2))
    sets = [set(points_of(one.phrase.own, "")) for response in (first, second) for one in response.campaigns]
    assert len(set.union(*sets)) == sum(len(one) for one in sets)
    assert points_of(first.campaigns[0].phrase.own, "") == sorted(points_of(first.campaigns[0].phrase.own, ""))


def test_campaigns_are_answered_in_random_order() -> None:
    request, _ = ask(MINE, SKETCHES_MADE)
    theirs = [features_of(f"t{size}", range(size)) for size in range(1, 12)]
    response = answer(request, theirs, SKETCHES_MADE, "request")
    sizes = [len(points_of(one.phrase.own, "")) for one in response.campaigns]
    assert sorted(sizes) == list(range(1, 12))
    assert sizes != sorted(sizes)


def test_a_request_is_bounded() -> None:
    most = MOST_ASKED_FEATURES
    ask([features_of("c", range(most))], SKETCHES_MADE)
    with pytest.raises(PackError, match="more than 2,048 features"):
        ask([features_of("c", range(most + 1))], SKETCHES_MADE)
    with pytest.raises(PackError, match="nothing is known"):
        ask([features_of("c", range(0))], SKETCHES_MADE)
    request, _ = ask(MINE, SKETCHES_MADE)
    points = b"".join(bytes([2]) + at.to_bytes(32, "big") for at in range(most + 1))
    with pytest.raises(PackError, match="asks for more than 2,048 features"):
        sent(MatchRequest(request.header, b"", points))
    with pytest.raises(PackError, match="at most 1,000 campaigns"):
        answer(request, [THEIRS[0]] * 1001, SKETCHES_MADE, "request")


def test_other_sketches_are_no_answer() -> None:
    request, _ = ask(MINE, SKETCHES_MADE)
    with pytest.raises(PackError, match="seed 0, and your case under seed 7") as caught:
        answer(request, THEIRS, SKETCHES_MADE._replace(seed=7), "request")
    assert caught.value.where == "request"


def test_a_response_to_another_request_is_refused() -> None:
    request, _ = ask(MINE, SKETCHES_MADE)
    _, other = ask(MINE, SKETCHES_MADE)
    response = answer(request, THEIRS, SKETCHES_MADE, "request")
    with pytest.raises(PackError, match="answers another request"):
        learn(other, response, "response")


def changed(message: Any, change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(as_message(message))
    change(document)
    return json.dumps(document).encode()


NO_POINT = bytes([2]) + b"\xff" * 32
"""Of the right form, and not on the curve."""


@pytest.mark.parametrize("points", [b"\x02" * 32, b"\x05" + b"\x00" * 32, b"x" * POINT_BYTES])
def test_points_have_the_right_form(points: bytes) -> None:
    with pytest.raises(PackError, match="no point of the curve"):
        points_of(points, "file")


def test_a_point_is_there_once() -> None:
    request, secret = ask(MINE, SKETCHES_MADE)
    twice = MatchRequest(request.header, request.phrase + request.phrase[:POINT_BYTES], request.word)
    with pytest.raises(PackError, match="there twice"):
        answer(twice, THEIRS, SKETCHES_MADE, "request")
    response = answer(request, THEIRS, SKETCHES_MADE, "request")
    one = response.campaigns[0].phrase
    campaign = intersection_files.AnsweredCampaign(
        intersection_files.AnsweredSet(one.own + one.own[:POINT_BYTES], one.asked), response.campaigns[0].word
    )
    with pytest.raises(PackError, match="there twice"):
        learn(secret, MatchResponse(response.header, [campaign]), "response")


def test_what_is_not_on_the_curve_is_refused() -> None:
    request, secret = ask(MINE, SKETCHES_MADE)
    with pytest.raises(PackError, match="no point of the curve"):
        answer(MatchRequest(request.header, NO_POINT, b""), THEIRS, SKETCHES_MADE, "request")
    response = answer(request, THEIRS, SKETCHES_MADE, "request")
    one = response.campaigns[0]
    asked = one.phrase.asked[:-POINT_BYTES] + NO_POINT
    bad = intersection_files.AnsweredCampaign(intersection_files.AnsweredSet(one.phrase.own, asked), one.word)
    with pytest.raises(PackError, match="no point of the curve"):
        learn(secret, MatchResponse(response.header, [bad]), "response")
    short = intersection_files.AnsweredCampaign(
        intersection_files.AnsweredSet(one.phrase.own, one.phrase.asked[POINT_BYTES:]), one.word
    )
    with pytest.raises(PackError, match="does not answer what was asked"):
        learn(secret, MatchResponse(response.header, [short]), "response")


def test_messages_are_not_taken_for_each_other(tmp_path: Path) -> None:
    request, secret = ask(MINE, SKETCHES_MADE)
    path = tmp_path / "message"
    path.write_bytes(as_message(secret))
    assert read_message(path, MatchSecret) == secret
    for kind in (MatchRequest, MatchResponse):
        with pytest.raises(PackError, match="cannot be used"):
            read_message(path, kind)
    with pytest.raises(PackError, match="another version"):
        message_from_json(changed(request, lambda one: one["header"].update(version=9)), MatchRequest, where="file")
    other = changed(request, lambda one: one["header"].update(sketch_version=1))
    with pytest.raises(PackError, match="another version"):
        message_from_json(other, MatchRequest, where="file")
    with pytest.raises(PackError, match="No such file"):
        read_message(tmp_path / "missing", MatchRequest)


def test_a_large_message_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intersection_files, "MOST_MESSAGE_BYTES", 10)
    (tmp_path / "large").write_bytes(b" " * 11)
    with pytest.raises(PackError, match="more than 0 MiB"):
        read_message(tmp_path / "large", MatchRequest)


REQUEST, SECRET = ask(MINE, SKETCHES_MADE)
RESPONSE = as_message(answer(REQUEST, THEIRS, SKETCHES_MADE, "request"))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.integers(0, len(RESPONSE) - 1), st.binary(max_size=3), st.integers(0, 5))
def test_a_damaged_response_is_refused_or_read(place: int, new: bytes, cut: int) -> None:
    content = RESPONSE[:place] + new + RESPONSE[place + cut :]
    message = ""
    try:
        found = learn(SECRET, message_from_json(content, MatchResponse, where="file"), "file")
        assert len(found) <= 4
    except PackError as error:
        message = str(error)
    assert len(message) < 600


def test_without_the_library_there_is_a_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(intersection.importlib, "import_module", absent)
    with pytest.raises(ConfigError, match="needs an extra") as caught:
        ask(MINE, SKETCHES_MADE)
    assert "stillhunt-evidence[psi]" in caught.value.next_step
