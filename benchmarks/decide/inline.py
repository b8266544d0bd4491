"""Signatures matched while a gateway waits: what one request costs, and which honest requests show a campaign alone.

    python benchmarks/decide/inline.py                                       cost; two minutes
    python benchmarks/decide/inline.py --worlds OUT --seeds 901 --honest 10  false matches; a minute a world

Cost: 1,000 signatures of 512 phrases each from real texts (`--texts`), or from made-up words without it,
against texts of 2 KB that had no part in them. "Arrow" is the way of the spool for the same request: `sketch_requests`
and `Matcher.match` on a table of one row, which is made beforehand.

False matches: the worlds and signatures are those of `benchmarks/live/signatures.py`. In each world, half of the
campaign's accounts are kept from the hunt. Then every request of an account that never harvests is matched with the
signatures of all worlds in OUT by one matcher. Worlds that differ only in their rung have the same honest traffic: it
counts once. `--honest` adds worlds without a campaign. The bar of a signature was set on half of the honest accounts of
its own world; "strange" are its matches in other traffic. Settings and TLS fingerprints are unknown, as at most
gateways. The bounds by requests hold for independent requests, which those of one account are not; those by accounts do
not ask for that. The kept accounts say what the same rule catches: their harvest that shows alone, and accounts whose
first harvest does.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import beta

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.base.schema import REQUESTS
from stillhunt.collect import open_requests
from stillhunt.extract import PhraseReader, sketch_requests
from stillhunt.watch.signatures.matcher import Matcher
from stillhunt.watch.signatures.parameters import MATCHING, MOST_FOLLOWED_ACCOUNTS
from stillhunt.watch.signatures.signature import FalseMatches, Signature, StyleWeights, as_json, read_signatures
from stillhunt.watch.signatures.weighing import hash_text
from stillhunt_lab.worlds.build import World
from stillhunt_server.enforcing.asked_texts import texts_of_messages
from stillhunt_server.enforcing.inline_matcher import AskedRequest, InlineMatcher, known_style

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))
from signatures import compiled, harvested, replacements, world_of

SIGNATURES, PHRASES, TEXT_BYTES = 1000, 512, 2048
CHUNKS = 11
"""Texts of 2 KB besides the template whose phrases a signature has."""
HONEST = ("honest", "honest carries", "honest alone", "honest alone, strange")
Array = np.ndarray[Any, np.dtype[Any]]
RATE = FalseMatches(1, 0, 1, 0, 0, 0, 0.0, 1e6)
STYLES = [(f"model-{number}", f"OpenAI/Python 1.{number}", (0.7, None, 100 + number)) for number in range(100)]


# ---- cost ----------------------------------------------------------------------------------------------------------


def texts_of(path: Path | None) -> list[str]:
    """Texts in random order, the same in every run."""
    chance = np.random.default_rng(1)
    if path is not None and path.exists():
        texts = [text for text in pq.read_table(path, columns=["text"])["text"].to_pylist() if text]
    else:
        print("texts of made-up words")
        letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
        words = np.array(["".join(chance.choice(letters, size)) for size in chance.integers(2, 10, 20_000)])
        texts = [" ".join(chance.choice(words, 80)) for _ in range(100_000)]
    chance.shuffle(texts)
    return texts


def of_size(texts: Iterator[str], size: int) -> str:
    """Texts joined to so many bytes."""
    joined = ""
    while len(joined.encode()) < size:
        joined += next(texts) + "\n"
    return joined.encode()[:size].decode("utf-8", "ignore")


def made_signatures(texts: Iterator[str], plain: Sequence[str]) -> tuple[list[Signature], list[str]]:
    """Signatures with the phrases of a template of 1 KB and of other texts, and their templates.

    As in real ones, phrases are rare: those of two signatures, or of the texts that are matched later, are left out.
    """
    chance, reader = np.random.default_rng(2), PhraseReader(0)

    def phrases(*parts: str) -> Array:
        return np.unique(np.concatenate([reader.read(part.encode(), part.encode())[0] for part in parts]))

    templates = [of_size(texts, TEXT_BYTES // 2) for _ in range(SIGNATURES)]
    found = [phrases(one, *(of_size(texts, TEXT_BYTES) for _ in range(CHUNKS))) for one in templates]
    known, counts = np.unique(np.concatenate(found), return_counts=True)
    common = np.union1d(known[counts > 1], phrases(*plain))
    made = []
    for number, own in enumerate(found):
        first = phrases(templates[number])
        rare = np.setdiff1d(np.concatenate([first, own]), common)
        kept = np.sort(np.concatenate([rare[np.isin(rare, first)], rare[~np.isin(rare, first)]])[:PHRASES]).tolist()
        bits = chance.uniform(3, 10, len(kept)).round(3).tolist()
        rest = (MATCHING.account_bits, 40.0, RATE, ["made"])
        made.append(Signature(f"c-{number}", 0, 1, 0, kept, bits, made_style(chance), {"1": 1.0}, *rest))
    return made, templates


def made_style(chance: np.random.Generator) -> dict[str, StyleWeights]:
    """Weights of five of the styles that requests have, and of others."""
    own = [dict(known_style(*style)) for style in (STYLES[at] for at in chance.permutation(len(STYLES))[:5])]
    others = {hash_text(number): 1.0 for number in range(40)}
    names = ("settings", "model", "client")
    return {name: StyleWeights({one[name]: 2.0 for one in own} | others, -3.0) for name in names}


def timed(name: str, calls: Sequence[Callable[[], Any]], floor: float = 0.0) -> float:
    """Print microseconds of the calls, one after the other; their median."""
    gc.collect()
    took = []
    for call in calls:
        began = time.perf_counter_ns()
        call()
        took.append((time.perf_counter_ns() - began) / 1000)
    middle, late = np.percentile(took, (50, 99))
    beside = f"{floor / middle:8.1f} times faster than Arrow" if floor else ""
    print(f"{name:<52}{len(took):>8}{middle:>10.1f}{late:>10.1f} {beside}", flush=True)
    return float(middle)


def table_of(asked: AskedRequest) -> pa.Table:
    return REQUESTS.build(
        request_id=["r"], timestamp=[asked.now], account_id=[asked.account_id], model=[asked.model], source=["s"],
        user_agent=[asked.user_agent], prompt=[asked.prompt], origin_file=[0], origin_row=[0],
    )  # fmt: skip


def by_arrow(matcher: Matcher, table: pa.Table) -> None:
    matcher.match(sketch_requests(table, Config()))


def requests_of(prompts: Sequence[str], account: str, *, new_agents: bool = False) -> list[AskedRequest]:
    """One request of a new account for each prompt."""
    found = []
    for number, prompt in enumerate(prompts):
        model, agent, sent = STYLES[number % len(STYLES)]
        agent = f"{agent} {account}{number:b}".replace("0", "o").replace("1", "i") if new_agents else agent
        found.append(AskedRequest(f"{account}{number}", prompt, "", number, model, agent, sent))
    return found


def named(signature: Signature, name: str) -> Signature:
    """The same signature under another id."""
    return msgspec.structs.replace(signature, campaign_id=name)


def measure_cost(path: Path, calls: int) -> None:
    texts = iter(texts_of(path))
    process = psutil.Process()
    plain = [of_size(texts, TEXT_BYTES) for _ in range(calls)]
    signatures, templates = made_signatures(texts, plain)
    gc.collect()
    resident = [process.memory_info().rss]
    matcher = InlineMatcher(signatures, 0)
    resident.append(process.memory_info().rss)
    beside = Matcher(signatures)
    sizes = [len(one.phrases) for one in signatures]
    print(f"{len(sizes):,} signatures of {min(sizes)} to {max(sizes)} phrases, {sum(sizes):,} in all; the matcher adds")
    print(
        f"{(resident[1] - resident[0]) / 1e6:.0f} MB to the process, {table_bytes(matcher) / 1e6:.1f} MB of it weights"
    )
    carrying = [templates[n % len(templates)] + text[: TEXT_BYTES // 2] for n, text in enumerate(plain)]
    print(f"\n{'microseconds':<52}{'calls':>8}{'p50':>10}{'p99':>10}")
    few = calls // 10
    floors = [
        timed(f"Arrow, {name}", [lambda t=table: by_arrow(beside, t) for table in map(table_of, requests)])
        for name, requests in (
            ("no known phrase", requests_of(plain[:few], "x")),
            ("a template", requests_of(carrying[:few], "y")),
        )
    ]
    for name, requests, floor in (
        ("inline, no known phrase", requests_of(plain, "x"), floors[0]),
        ("inline, a template, new account", requests_of(carrying, "y"), floors[1]),
        ("inline, a template, known account", requests_of(carrying, "y"), floors[1]),
        ("inline, a template, model or client never seen", requests_of(carrying, "z", new_agents=True), floors[1]),
    ):
        timed(name, [lambda one=one: matcher.match(one) for one in requests], floor)
    matches = [found for one in requests_of(carrying, "y") if (found := matcher.match(one)) is not None]
    timed("sentences of a match", [lambda one=one: one.reasons for one in matches])
    measure_odd(matcher, signatures[0], templates[0], plain)


def measure_odd(matcher: InlineMatcher, signature: Signature, template: str, plain: list[str]) -> None:
    """Requests that cost more than others, and the memory of followed accounts."""
    for count in (10, 100, 1000):
        many = InlineMatcher([named(signature, f"s-{number}") for number in range(count)], 0)
        asked = requests_of([template] * 100, "s")
        timed(f"inline, {count} campaigns of one template", [lambda m=many, one=one: m.match(one) for one in asked])
    huge = "\n".join(plain)[: 1 << 20]
    for name, text in (("1 MB", huge), ("8 MB", huge * 8)):
        asked = requests_of([text] * 20, "h")
        timed(f"inline, a text of {name}", [lambda one=one: matcher.match(one) for one in asked])
    turns = [{"role": role, "content": text} for text in plain[:10] for role in ("user", "assistant")]
    chat = [{"role": "system", "content": plain[11]}, *turns, {"role": "user", "content": plain[12]}]
    timed("texts of 22 messages", [lambda: texts_of_messages(chat)] * 1000)
    most = MOST_FOLLOWED_ACCOUNTS
    before = psutil.Process().memory_info().rss
    flood = InlineMatcher([signature], 0, most_accounts=most)
    worst = 0.0
    for number in range(most + 1):
        one = AskedRequest(f"account-{number:032}", f"{template}{number}", "", number)
        began = time.perf_counter()
        flood.match(one)
        worst = max(worst, time.perf_counter() - began)
        if number == most - 1:
            gc.collect()
            size = psutil.Process().memory_info().rss - before
    print(
        f"{most:,} followed accounts: {size / 1e6:.0f} MB; forgetting half of them stops all for {worst * 1e3:.0f} ms"
    )


def table_bytes(matcher: InlineMatcher) -> int:
    return sum(column.nbytes for column in vars(matcher._phrases).values())


# ---- false matches -------------------------------------------------------------------------------------------------


def read_rows(requests: pa.Table) -> Iterator[tuple[str, AskedRequest]]:
    """Id and form of each request of a world, as the readers of its log make it, in order of time."""
    texts = ["prompt", "system_prompt"]
    names = ["request_id", "account_id", *texts, "timestamp", "model", "user_agent", "conversation_id"]
    with DuckDBEngine(threads=1, memory_gb=1.0) as engine:
        log = open_requests(requests, mapping=None, config=Config(), engine=engine, progress=Silent())
        table = pa.concat_tables([batch.select(names) for batch in log.batches()]).sort_by("timestamp")
    at = names.index("timestamp")
    columns = [table[name].cast(pa.int64()) if name == "timestamp" else table[name] for name in names]
    for row in zip(*(column.to_pylist() for column in columns), strict=True):
        name, account, prompt, system, _, model, agent, conversation = row
        yield name, AskedRequest(account, prompt or "", system or "", row[at], model, agent, None, conversation)


def signatures_in(out: Path) -> dict[str, Signature]:
    """Signatures of all worlds of a folder, under ids that name their world."""
    found = {}
    for path in sorted(out.glob("*-*-*.json")):
        for number, one in enumerate(read_signatures(path, seed=0).signatures):
            found[f"{path.stem}.{number}"] = one
    return found


def traffic_of(world: str) -> tuple[str, str]:
    """Generator and seed of a world, which name its honest traffic."""
    generator, _, seed = world.split("-")
    return generator, seed


def world_row(world: World, own: str, signatures: dict[str, Signature], kept: set[str], honest: bool) -> dict[str, Any]:
    """Honest requests of one world that show a campaign alone, where wanted, and such harvest of the kept accounts."""
    is_harvest = dict(zip(world.requests["request_id"].to_pylist(), harvested(world).tolist(), strict=True))
    owners = world.truth_requests["account_id"].to_pylist()
    campaigns = world.truth_requests["campaign"].to_pylist()
    harvesters = {account for account, campaign in zip(owners, campaigns, strict=True) if campaign}
    matcher = InlineMatcher([named(one, name) for name, one in signatures.items()], 0)
    requests: Counter[str] = Counter()
    accounts: dict[str, set[str]] = {name: set() for name in (*HONEST, "first harvest", "first harvest alone")}
    for name, asked in read_rows(world.requests):
        account = asked.account_id
        if account in harvesters:
            if account not in kept:
                continue
        elif not honest:
            continue
        found = matcher.match(asked)
        alone = found is not None and found.shows_alone
        if account not in harvesters:
            strange = found is not None and traffic_of(found.campaign_id.split(".")[0]) != traffic_of(own)
            carries = found is not None and found.carries
            for kind in [
                kind for kind, true in zip(HONEST, (True, carries, alone, alone and strange), strict=True) if true
            ]:
                requests[kind] += 1
                accounts[kind].add(account)
        elif is_harvest[name]:
            requests["harvest"] += 1
            requests["harvest alone"] += alone
            if alone and account not in accounts["first harvest"]:
                accounts["first harvest alone"].add(account)
            accounts["first harvest"].add(account)
    linked = {one.account_id for one in matcher.linked()}
    accounts |= {"honest linked": linked - harvesters, "kept linked": linked & kept}
    return {"world": own, "requests": requests, "accounts": {kind: len(names) for kind, names in accounts.items()}}


def measure_false(out: Path, worlds: Sequence[tuple[str, int, int]], accounts: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for generator, rung, seed in worlds:
        path = out / f"{generator}-{rung}-{seed}.json"
        if rung and not path.exists():
            world = world_of(generator, rung, seed, accounts, 14)
            path.write_bytes(as_json(compiled(world, replacements(world, rung, seed)[1])[0]))
    signatures = signatures_in(out)
    print(f"{len(signatures)} signatures")
    totals: dict[str, Counter[str]] = {"requests": Counter(), "accounts": Counter()}
    counted = set()
    for generator, rung, seed in worlds:
        world = world_of(generator, rung, seed, accounts, 14)
        kept = replacements(world, rung, seed)[0] if rung else set()
        honest = (generator, seed) not in counted
        counted.add((generator, seed))
        row = world_row(world, f"{generator}-{rung}-{seed}", signatures, kept, honest)
        print(json.dumps(row), flush=True)
        for unit, total in totals.items():
            total.update(row[unit])
    for unit, total in totals.items():
        for kind in HONEST[1:]:
            few, every = total[kind], total["honest"]
            least = 1e6 * float(beta.ppf(0.025, few, every - few + 1)) if few else 0.0
            most = 1e6 * float(beta.ppf(0.975, few + 1, every - few)) if few < every else 1e6
            rate = 1e6 * few / every
            print(f"{unit}, {kind}: {few:,} of {every:,}: {rate:.1f} in a million, 95 % {least:.1f} to {most:.1f}")
        print(unit, dict(total))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, help="Parquet with a column `text`; made-up words without")
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--worlds", type=Path, metavar="OUT", help="count false matches; signatures are kept there")
    parser.add_argument("--seeds", default="901")
    parser.add_argument("--rungs", default="1,4")
    parser.add_argument("--honest", type=int, default=0, metavar="WORLDS", help="half of them from each generator")
    parser.add_argument("--honest-seed", type=int, default=7101)
    parser.add_argument("--generators", default="first,second")
    parser.add_argument("--accounts", type=int, default=1500)
    options = parser.parse_args()
    if options.worlds is None:
        measure_cost(options.texts, options.calls)
        return
    worlds = [
        (generator, int(rung), int(seed))
        for seed in options.seeds.split(",")
        for rung in options.rungs.split(",")
        for generator in options.generators.split(",")
    ]
    months = range(options.honest_seed, options.honest_seed + options.honest)
    worlds += [(("first", "second")[seed % 2], 0, seed) for seed in months]
    measure_false(options.worlds, worlds, options.accounts)


if __name__ == "__main__":
    main()
