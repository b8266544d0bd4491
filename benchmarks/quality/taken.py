"""What a hunt says that campaigns took, beside the truth of worlds of both generators; copies planted; languages.

    python benchmarks/quality/taken.py                       worlds of the seeds below, then planted copies
    python benchmarks/quality/taken.py --seeds 1 2 3         other seeds
    python benchmarks/quality/taken.py --copies-of FILE      copies planted among real texts (Parquet with `text`)
    python benchmarks/quality/taken.py --languages FILE      languages beside another program's (JSON lines with `text`,
                                                             `language` as an English name, and `score`)

Truth is what the generators know and the log does not say: which item each call asks, on which topic, in which
language. The samples said are compared with the different texts of the items among the requests that the case counts as
harvested, so that an error of the hunt is told from one of the counting.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import stillhunt
from stillhunt.base.schema import REQUESTS
from stillhunt.extract import languages_of, sketch_requests
from stillhunt.extract.languages import LANGUAGES
from stillhunt.triage import alike_prompts, taken
from stillhunt_lab.second_worlds import build as second_build
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.second_worlds.texts import build_languages
from stillhunt_lab.worlds import assemble
from stillhunt_lab.worlds.build import World, build_world, spec_for_rung
from stillhunt_lab.worlds.grammar import load_grammar

SEEDS = (71, 72, 73)
RUNGS = (2, 4, 6)
ACCOUNTS = 1200
COPIES = 2000


@dataclass(frozen=True)
class Truth:
    """What the generator knows of each request, in the order of the log.

    Attributes:
        item, topic, language: codes.
        languages: English names by code.
        topics: names by code; None where the generator has none.
    """

    item: np.ndarray
    topic: np.ndarray
    language: np.ndarray
    languages: list[str]
    topics: tuple[str, ...] | None


def first_world(rung: int, seed: int) -> tuple[World, Truth]:
    """A world of the first generator."""
    parts: list[tuple[Any, np.ndarray]] = []
    ordered: list[np.ndarray] = []
    retry, rows = assemble._simulate_failed_calls, assemble._all_rows

    def noting_retry(rng: np.random.Generator, draft: Any, incident: int) -> Any:
        made = retry(rng, draft, incident)
        parts.append((draft, made[0]))
        return made

    def noting_rows(*arguments: Any) -> Any:
        made = rows(*arguments)
        ordered.append(np.argsort(made[1]["time"], kind="stable"))
        return made

    with (
        patch.object(assemble, "_simulate_failed_calls", noting_retry),
        patch.object(assemble, "_all_rows", noting_rows),
    ):
        world = build_world(spec_for_rung(rung, seed=seed, accounts=ACCOUNTS, days=10))
    begins = np.cumsum([0, *(len(draft) for draft, _ in parts)])
    item = np.concatenate([row + begin for (_, row), begin in zip(parts, begins, strict=False)])[ordered[0]]
    topic, language = (
        np.concatenate([getattr(draft, name)[row] for draft, row in parts])[ordered[0]]
        for name in ("topic", "language")
    )
    grammar = load_grammar()
    return world, Truth(item, topic, language, [LANGUAGES[code] for code in grammar.languages], grammar.topics)


def second_world(rung: int, seed: int) -> tuple[World, Truth]:
    """A world of the second generator."""
    joined: list[Any] = []
    join = second_build.join_traffic

    def noting(parts: Any) -> Any:
        joined.append(join(parts))
        return joined[-1]

    with patch.object(second_build, "join_traffic", noting):
        world = build_second_world(SecondSpec(rung=rung, seed=seed, accounts=ACCOUNTS, days=10))
    jobs, calls = joined[-1]
    order = np.argsort(calls.time, kind="stable")
    job = calls.job[order]
    names = [language.name.capitalize() for language in build_languages(seed)]
    return world, Truth(job, jobs.topic[job], jobs.language[job], names, None)


@contextmanager
def noted_subjects() -> Iterator[list[tuple[str, list[str], np.ndarray, np.ndarray]]]:
    """Notes of each campaign the names of its subjects, the topic of each request and its position in the traffic."""
    notes: list[tuple[str, Any, np.ndarray, np.ndarray]] = []
    make = taken._subject_rows

    def noting(volumes: Any, subjects: Any, campaign: str, rows: np.ndarray) -> Any:
        notes.append((campaign, subjects.names[campaign], subjects.topic[rows], rows))
        return make(volumes, subjects, campaign, rows)

    with patch.object(taken, "_subject_rows", noting):
        yield notes


def print_world(name: str, world: World, truth: Truth) -> list[float]:
    """What is said of each campaign of a world beside the truth; relative errors of the samples."""
    config = stillhunt.Config(sanctioned={"organizations": world.sanctioned})
    with noted_subjects() as notes:
        case = stillhunt.hunt(world.requests, world.accounts, config)
    place = {one: at for at, one in enumerate(world.requests["request_id"].to_pylist())}
    campaign_of = np.array([one or "" for one in world.truth_requests["campaign"].to_pylist()], object)
    status = world.requests["status"].fill_null(200).to_numpy()
    output = world.requests["output_tokens"].fill_null(0).to_numpy()
    answered = (status == 200) & (output > 0)
    errors = []
    for campaign_id, *_ in notes:
        own = case.harvest.filter(pc.equal(case.harvest["campaign_id"], campaign_id))["request_id"].to_pylist()
        rows = np.array([place[one] for one in own])
        label = Counter(one for one in campaign_of[rows] if one).most_common(1)
        every = np.flatnonzero(campaign_of == (label[0][0] if label else "?"))
        said = case.taken.filter(pc.equal(case.taken["campaign_id"], campaign_id)).to_pylist()
        (whole,) = (row for row in said if row["aspect"] == "all")
        (wide,) = (row for row in said if row["aspect"] == "range")
        items, texts = different(world, truth, every[answered[every]])
        found, found_texts = different(world, truth, rows[answered[rows]])
        errors.append(whole["samples"] / found_texts - 1.0)
        tongues = tongue_error(said, truth, every)
        print(
            f"{name}  {label[0][0] if label else 'honest':8} requests {len(every)} said {whole['requests']}; "
            f"items answered {items}, different {texts}; of those found {found}, different {found_texts}, "
            f"samples said {whole['samples']} ({errors[-1]:+.2%}); tokens {int(output[every].sum())} "
            f"said {whole['output_tokens']}; range {range_of(truth, campaign_of, every, answered):.2f} "
            f"said {wide['everybody']:.2f}; languages off by {tongues:.2f}"
        )
        note = next(note for note in notes if note[0] == campaign_id)
        print_subjects(world, note, rows, truth)
    return errors


def different(world: World, truth: Truth, rows: np.ndarray) -> tuple[int, int]:
    """Items of some requests, and how many differ in their words; later turns differ by what was said before."""
    own = world.requests.select(["prompt", "turn", "conversation_id"]).take(pa.array(rows))
    turns = own["turn"].fill_null(0).to_pylist()
    talks = [talk if turn > 0 else "" for talk, turn in zip(own["conversation_id"].to_pylist(), turns, strict=True)]
    return len(np.unique(truth.item[rows])), len(set(zip(own["prompt"].to_pylist(), talks, strict=True)))


def range_of(truth: Truth, campaign_of: np.ndarray, every: np.ndarray, answered: np.ndarray) -> float:
    """Share of honest requests on true topics of which the campaign has enough answered items."""
    topics = int(truth.topic.max()) + 1
    own = every[answered[every]]
    own = own[np.unique(truth.item[own], return_index=True)[1]]
    enough = np.bincount(truth.topic[own][truth.topic[own] >= 0], minlength=topics) >= taken._LEAST_SAMPLES
    honest = truth.topic[(campaign_of == "") & (truth.topic >= 0)]
    return float(enough[honest].mean())


def tongue_error(said: list[dict[str, Any]], truth: Truth, every: np.ndarray) -> float:
    """Total variation distance of the languages said from the true ones, those that were not told left out."""
    spoken = {
        row["value"]: row["requests"] for row in said if row["aspect"] == "language" and row["value"] != "(unknown)"
    }
    true = Counter(truth.languages[code] for code in truth.language[every] if code >= 0)
    share = {name: count / max(sum(spoken.values()), 1) for name, count in spoken.items()}
    known = {name: count / sum(true.values()) for name, count in true.items()}
    return sum(abs(share.get(name, 0.0) - known.get(name, 0.0)) for name in {*share, *known}) / 2


def print_subjects(world: World, note: Any, rows: np.ndarray, truth: Truth) -> None:
    """The largest subjects by name with the true topic of most of their requests; how pure topics are."""
    _, names, topic, _ = note
    # The traffic is by account and time, and so are the campaign's positions in it.
    true = truth.topic[by_account_and_time(world.requests, rows)]
    pure, known = 0, 0
    shown = []
    for code, count in Counter(topic[topic >= 0].tolist()).most_common():
        (most, times), *_ = Counter(true[topic == code].tolist()).most_common(1)
        pure, known = pure + times, known + count
        label = truth.topics[most] if truth.topics and most >= 0 else str(most)
        if code in names:
            shown.append(f"{names[code]} = {label} {times / count:.0%} of {count}")
    named = sum(int(np.count_nonzero(topic == code)) for code in names)
    print(
        f"    topics hold {pure / max(known, 1):.0%} of their requests from one true topic; {known / len(topic):.0%} "
        f"of requests have a topic, {named / len(topic):.0%} a name; " + "; ".join(shown[:6])
    )


def by_account_and_time(requests: pa.Table, rows: np.ndarray) -> np.ndarray:
    """Positions in the log of some requests, by account and time."""
    own = requests.select(["account_id", "timestamp", "request_id"]).take(pa.array(rows))
    order = pc.sort_indices(own, [(name, "ascending") for name in ("account_id", "timestamp", "request_id")])
    return rows[order.to_numpy()]


def print_worlds(seeds: list[int]) -> None:
    """All worlds, and the errors of the samples together."""
    errors = defaultdict(list)
    for seed in seeds:
        for rung in RUNGS:
            for name, make in (("first", first_world), ("second", second_world)):
                world, truth = make(rung, seed)
                errors[name] += print_world(f"{name} rung {rung} seed {seed}", world, truth)
    for name, own in errors.items():
        size = np.abs(own)
        print(f"{name}: {len(own)} campaigns, samples off by {np.median(size):.2%} (median), {size.max():.2%} (most)")


def sketches_of(prompts: list[str]) -> pa.Table:
    """TRAFFIC's columns about texts, for prompts that are all first turns."""
    count = len(prompts)
    table = REQUESTS.build(
        request_id=[str(number) for number in range(count)],
        timestamp=pa.array(range(count), pa.int64()).cast(REQUESTS.arrow.field("timestamp").type),
        account_id=["a"] * count,
        model=["m"] * count,
        source=["s"] * count,
        prompt=prompts,
        origin_file=[0] * count,
        origin_row=list(range(count)),
    )
    return sketch_requests(table, stillhunt.Config())


def changed(rng: np.random.Generator, prompt: str, words: list[str], replaced: int) -> str:
    """The prompt with some of its words replaced by others."""
    parts = prompt.split(" ")
    for at in rng.choice(len(parts), min(replaced, len(parts)), replace=False).tolist():
        parts[at] = words[int(rng.integers(len(words)))]
    return " ".join(parts)


def print_copies(prompts: list[str]) -> None:
    """Which planted copies are found, and which different prompts are taken for one, by parameters."""
    rng = np.random.default_rng(0)
    distinct = sorted(set(prompts))
    rng.shuffle(distinct)
    distinct = distinct[:20_000]
    chosen = distinct[:COPIES]
    words = sorted({word for text in distinct[:500] for word in text.split(" ") if word.isalpha()})
    plain = "Please read this request with care and give a complete answer to all of its parts.\n\n{}\n\nThank you."
    made = {
        "same": chosen,
        "case and spaces": [" ".join(text.upper().split()) for text in chosen],
        "wrapped": [plain.format(text) for text in chosen],
        "one word other": [changed(rng, text, words, 1) for text in chosen],
        "three words other": [changed(rng, text, words, 3) for text in chosen],
    }
    table = sketches_of([*distinct, *(text for copies in made.values() for text in copies)])
    rows = np.arange(table.num_rows)
    first = alike_prompts.P
    for share in (0.02, 0.05, 0.1):
        for size in (4, 5, 6):
            parameters = first._replace(template_share=share, item_words=size)
            with patch.object(alike_prompts, "P", parameters):
                keys = alike_prompts.sample_keys(table, rows)
            merged = 1.0 - len(np.unique(keys[: len(distinct)])) / len(distinct)
            found = [
                float(np.mean(keys[len(distinct) + at * len(chosen) :][: len(chosen)] == keys[: len(chosen)]))
                for at in range(len(made))
            ]
            parts = ", ".join(f"{name} {part:.1%}" for name, part in zip(made, found, strict=True))
            print(f"template {share:g}, words {size}: found {parts}; different prompts merged {merged:.2%}")


def print_languages(path: Path) -> None:
    """Languages beside those of another program."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    ours = languages_of([row["text"] for row in rows])
    pairs = [(row["language"], own) for row, own in zip(rows, ours, strict=True) if row["score"] >= 0.8]
    known = [(other, own) for other, own in pairs if own is not None]
    print(f"{len(pairs)} texts of which the other is sure; told {len(known) / len(pairs):.1%}, ", end="")
    print(f"of these alike {np.mean([other == own for other, own in known]):.2%}")
    for language, count in Counter(other for other, _ in pairs).most_common(15):
        own = [mine for other, mine in known if other == language]
        alike = np.mean([mine == language for mine in own]) if own else float("nan")
        print(f"  {language:12} {count:6}  told {len(own) / count:.1%}, alike {alike:.1%}")


def main(words: list[str] | None = None) -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--copies-of", type=Path)
    parser.add_argument("--languages", type=Path)
    options = parser.parse_args(words)
    if options.languages:
        print_languages(options.languages)
    elif options.copies_of:
        print_copies(pq.read_table(options.copies_of, columns=["text"])["text"].to_pylist())
    else:
        print_worlds(options.seeds)
        world, _ = first_world(4, options.seeds[0])
        is_campaign = pc.not_equal(world.truth_requests["campaign"], "")
        print_copies(world.requests["prompt"].filter(is_campaign).drop_null().to_pylist())


if __name__ == "__main__":
    main()
