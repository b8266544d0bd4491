"""Campaigns that two providers share: recall, false matches, and what somebody with a dictionary learns.

    python benchmarks/evidence/match.py OUT --build first:1,second-texts:2 [--kinds shared-account,honest] [--rungs 1,2]
    python benchmarks/evidence/match.py OUT --table              recall by rung, false matches, scores
    python benchmarks/evidence/match.py OUT --leakage            needs texts.parquet and pairs of second-texts

OUT is a folder with one folder for each pair of logs (`match_worlds.py`); pairs that are there are not built again. A
pair takes 10 to 30 seconds. Seeds 1 to 3 of the first generator set the numbers of `dossier.matching`; all others and
the second generator are for scoring only. Matching by files is measured on written and read files, private set
intersection by the product's three steps.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from match_worlds import SIDES, TEXTS, TRUTH_FILE, PairSpec, build_pair, world_of
from scipy.stats import beta

from stillhunt.base.config import Config
from stillhunt.base.schema import REQUESTS
from stillhunt.extract import sketch_requests
from stillhunt.triage import Case
from stillhunt_evidence.matching.comparing import MATCH, PairScore, compare_campaigns
from stillhunt_evidence.matching.features import campaign_features, sketches_of_case
from stillhunt_evidence.matching.intersection import answer, ask, learn
from stillhunt_evidence.matching.intersection_files import (
    MatchRequest,
    MatchResponse,
    MatchSecret,
    as_message,
    message_from_json,
)
from stillhunt_evidence.matching.parameters import MOST_ASKED_FEATURES
from stillhunt_evidence.matching.sketch_file import (
    feature_sets,
    hashed_feature,
    opaque_name,
    sketch_file,
    sketches_from_json,
)

RUNGS = tuple(range(1, 12))
TEMPLATED = frozenset((1, 2, 3, 4, 5, 6, 8, 10, 11))
"""Rungs with a template, if a paraphrased one; 7 rewords all, 9 and 12 have none."""
CIRCLE, KEY, OWN = "bench", b"c" * 32, b"o" * 32
SET_NUMBERS = ("first", (1, 2, 3))


class Found(NamedTuple):
    """A campaign of one side: its truth ("" = honest group), verdict, purity, and features as a file has them."""

    pair: str
    campaign_id: str
    true: str
    verdict: str
    share: float
    sets: Any


def names_of(out: Path) -> list[str]:
    return sorted(one.parent.name for one in out.glob(f"*/{TRUTH_FILE}"))


def seed_of(name: str) -> int:
    return int(_numbers(name)[3])


def rung_of(name: str) -> int:
    return int(_numbers(name)[2])


def generator_of(name: str) -> str:
    return _numbers(name)[1]


def _numbers(name: str) -> re.Match[str]:
    found = re.fullmatch(r"(.+)-r(\d+)-s(\d+)-.*", name)
    if found is None:
        raise ValueError(name)
    return found


def side_of(out: Path, name: str, side: str) -> list[Found]:
    """Campaigns of one side, through a file that is written and read."""
    truth = json.loads((out / name / TRUTH_FILE).read_text())[side]["found"]
    case = Case.read(out / name / side)
    features = campaign_features(case)
    content = sketch_file(features, CIRCLE, KEY, OWN, sketches_of_case(case))
    sketches = {one.name: one for one in sketches_from_json(content, CIRCLE, KEY, where=name).campaigns}
    return [
        Found(name, one.campaign_id, truth[one.campaign_id]["true"], truth[one.campaign_id]["verdict"],
              truth[one.campaign_id]["share"], feature_sets(sketches[opaque_name(OWN, one.campaign_id)]))
        for one in features
    ]  # fmt: skip


def by_intersection(out: Path, name: str) -> list[tuple[str, PairScore]]:
    """Pairs of campaigns scored by private set intersection: id of the asking side's campaign, and score."""
    mine, theirs = (Case.read(out / name / side) for side in SIDES)
    asked, answering = campaign_features(mine), campaign_features(theirs)
    if not asked or not answering:
        return []
    request, secret = ask(asked, sketches_of_case(mine))
    request = message_from_json(as_message(request), MatchRequest, where=name)
    back = answer(request, answering, sketches_of_case(theirs), name)
    kept = message_from_json(as_message(secret), MatchSecret, where=name)
    response = message_from_json(as_message(back), MatchResponse, where=name)
    return [(one.mine, one.score) for one in learn(kept, response, name)]


def table(out: Path) -> None:
    names = names_of(out)
    sides = {name: [side_of(out, name, side) for side in SIDES] for name in names}
    shared_table(out, [name for name in names if "-shared-" in name], sides)
    honest_table(out, [name for name in names if name.endswith("-honest")], sides)


def shared_table(out: Path, names: list[str], sides: dict[str, list[list[Found]]]) -> None:
    print("| worlds | rung | pairs | found by both hunts | matched | by intersection | best bits, median (least) |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    groups: dict[tuple[str, int], list[tuple[bool, bool, bool, float]]] = defaultdict(list)
    for name in names:
        first, second = sides[name]
        true = {one.true for one in first if one.true} & {one.true for one in second if one.true}
        asked = by_intersection(out, name)
        label = f"{generator_of(name)}, seed {seed_of(name)}"
        scores = [compare_campaigns(a.sets, b.sets) for a in first for b in second if a.true and a.true == b.true]
        best = max((one.bits for one in scores), default=float("nan"))
        matched = any(one.verdict == MATCH for one in scores)
        psi = any(score.verdict == MATCH for _, score in asked)
        groups[label, rung_of(name)].append((bool(true), matched, psi, best))
    total: dict[bool, list[tuple[bool, bool, bool, float]]] = defaultdict(list)
    for (label, rung), rows in sorted(groups.items()):
        print(f"| {label} | {rung} | {_counts(rows)} |")
        total[rung in TEMPLATED] += rows
    for templated, rows in sorted(total.items()):
        print(f"| all | {'with' if templated else 'without'} a template | {_counts(rows)} |")
    everything = [row for rows in total.values() for row in rows]
    print(f"| all | all | {_counts(everything)} |")


def _counts(rows: list[tuple[bool, bool, bool, float]]) -> str:
    bits = [row[3] for row in rows if not math.isnan(row[3])]
    text = f"{np.median(bits):.1f} ({min(bits):.1f})" if bits else "-"
    found, matched, psi = (sum(row[at] for row in rows) for at in (0, 1, 2))
    return f"{len(rows)} | {found} | {matched} | {psi} | {text}"


def honest_table(out: Path, names: list[str], sides: dict[str, list[list[Found]]]) -> None:
    own = {name: [compare_campaigns(a.sets, b.sets) for a in sides[name][0] for b in sides[name][1]] for name in names}
    print(
        "\n| honest pairs of logs | pairs | with campaigns on both sides | pairs of campaigns | false | highest bits |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    for setting in (True, False):
        chosen = [name for name in names if _sets_numbers(name) == setting]
        what = "that set the numbers" if setting else "for scoring"
        _honest_row(f"one world, {what}", [own[name] for name in chosen])
    asked = [[score for _, score in by_intersection(out, name)] for name in names]
    _honest_row("one world, all, by private set intersection", asked)
    crossed = [
        [compare_campaigns(a.sets, b.sets) for a in sides[one][0] for b in sides[other][1]]
        for one in names
        for other in names
        if seed_of(one) != seed_of(other) or generator_of(one) != generator_of(other)
    ]
    _honest_row("of two worlds, all (not independent)", crossed)


def _sets_numbers(name: str) -> bool:
    return generator_of(name) == SET_NUMBERS[0] and seed_of(name) in SET_NUMBERS[1]


def _honest_row(what: str, pairs: list[list[PairScore]]) -> None:
    scores = [score for one in pairs for score in one]
    false = sum(any(score.verdict == MATCH for score in one) for one in pairs)
    both = sum(bool(one) for one in pairs)
    bound = float(beta.ppf(0.95, false + 1, max(len(pairs) - false, 1))) if pairs else 1.0
    highest = ", ".join(f"{bits:.1f}" for bits in sorted((score.bits for score in scores), reverse=True)[:3])
    print(f"| {what} | {len(pairs)} | {both} | {len(scores)} | {false} (at most {bound:.1%}) | {highest} |")


def leakage(out: Path, rungs: set[int]) -> None:
    """What a member of the circle with a dictionary learns from one file, on pairs whose items are dictionary texts."""
    if not TEXTS.exists():
        print(f"{TEXTS} is not there: nothing to try")
        return
    names = [name for name in names_of(out) if name.startswith("second-texts") and "-shared-" in name]
    names = [name for name in names if rung_of(name) in rungs]
    texts = pq.read_table(TEXTS, columns=["text"])["text"]
    began = time.process_time()
    sketched = sketched_texts(texts)
    phrases = sketched["phrases"].combine_chunks()
    distinct = np.unique(phrases.flatten().to_numpy())
    began = time.process_time()
    hashes = {hashed_feature(KEY, "phrase", value): value for value in distinct.tolist()}
    seconds = time.process_time() - began
    print(
        f"dictionary: {len(texts):,} texts, {len(distinct):,} phrases; {seconds:.0f} s to hash under the circle's key"
    )
    phrases_asked, words_asked = (math.ceil(count / MOST_ASKED_FEATURES) for count in (len(distinct), 65_536))
    print(f"requests for private set intersection to try all: {phrases_asked:,} for phrases, {words_asked} for words")
    rows = [
        _leaked(out, (name, side), found, (texts, phrases), hashes)
        for name in names
        for side in SIDES
        for found in side_of(out, name, side)
    ]
    print("| file | phrases | recognised | by chance | texts asked | with a recognised phrase | of the others | "
          "bits a text | words recognised |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def sketched_texts(texts: pa.ChunkedArray) -> pa.Table:
    """Phrases of each text, as a hunt makes them of a prompt."""
    size = len(texts)
    same = {"timestamp": [0] * size, "account_id": ["a"] * size, "model": ["m"] * size, "source": ["s"] * size}
    requests = REQUESTS.build(
        request_id=[str(at) for at in range(size)], prompt=texts.cast(pa.large_string()).combine_chunks(),
        origin_file=[0] * size, origin_row=list(range(size)), **same,
    )  # fmt: skip
    return sketch_requests(requests, Config())


def _leaked(
    out: Path, file: tuple[str, str], found: Found, dictionary: tuple[Any, Any], hashes: dict[str, int]
) -> list[str]:
    name, side = file
    texts, phrases = dictionary
    known = found.sets["phrase"]
    values = np.array(sorted(hashes[one] for one in known if one in hashes), np.uint32)
    inside = np.isin(phrases.flatten().to_numpy(), values)
    owner = np.repeat(np.arange(len(phrases)), pc.list_value_length(phrases).to_numpy())
    seen = np.bincount(owner[inside], minlength=len(phrases)) > 0
    asked = _asked_texts(out, name, side, found.campaign_id, texts)
    table = np.array([[np.sum(seen & asked), np.sum(~seen & asked)], [np.sum(seen & ~asked), np.sum(~seen & ~asked)]])
    chance = len(hashes) * len(known) / 2**32
    words = len(found.sets["word"])  # all 65,536 buckets can be tried
    return [
        f"{name} {side}", str(len(known)), str(len(values)), f"{chance:.2f}", str(int(asked.sum())),
        f"{table[0, 0]} ({table[0, 0] / max(table[0].sum(), 1):.2%})", f"{table[1, 0] / max(table[1].sum(), 1):.2%}",
        f"{_mutual_bits(table):.1e}", f"{words} of {words}",
    ]  # fmt: skip


def _asked_texts(out: Path, name: str, side: str, campaign: str, texts: Any) -> Any:
    """Which dictionary texts the campaign asked at this provider: those that stand in a harvested prompt."""
    spec = PairSpec(**json.loads((out / name / TRUTH_FILE).read_text())["spec"])
    world = _WORLDS.setdefault(name, world_of(spec))
    harvest = pq.read_table(out / name / side / "harvest.parquet")
    ids = harvest.filter(pc.equal(harvest["campaign_id"], campaign))["request_id"].combine_chunks()
    prompts = world.requests.filter(pc.is_in(world.requests["request_id"], value_set=ids))["prompt"].to_pylist()
    # Items stand on lines of their own or fill the prompt: a text was asked if its first and its last line stand there.
    lines = {line.strip() for prompt in prompts for line in (prompt or "").split("\n")}
    ends = [text.strip().split("\n") for text in texts.to_pylist()]
    return np.array([one[0].strip() in lines and one[-1].strip() in lines for one in ends])


_WORLDS: dict[str, Any] = {}


def _mutual_bits(table: Any) -> float:
    share = table / max(table.sum(), 1)
    expected = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)
    use = share > 0
    return float((share[use] * np.log2(share[use] / expected[use])).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--build", default="", help="generator:seed, separated by commas")
    parser.add_argument("--kinds", default="shared-account,shared-request,honest")
    parser.add_argument("--rungs", default=",".join(map(str, RUNGS)))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--leakage", action="store_true")
    given = parser.parse_args()
    for world in filter(None, given.build.split(",")):
        generator, _, seed = world.partition(":")
        for rung in map(int, given.rungs.split(",")):
            for kind in given.kinds.split(","):
                shared, _, by = kind.partition("-")
                spec = PairSpec(generator, rung, int(seed), shared == "shared", by or "account")
                build_pair(spec, given.out)
                print(spec.name, file=sys.stderr)
    if given.table:
        table(given.out)
    if given.leakage:
        leakage(given.out, set(map(int, given.rungs.split(","))))


if __name__ == "__main__":
    main()
