"""Signatures on worlds with known truth: replacement accounts until they are linked, false matches, returns.

    python benchmarks/live/signatures.py OUT --seeds 901,902             hunt, compile, replay (rungs 1-6 and 11)
    python benchmarks/live/signatures.py OUT --honest 20                 honest months under all signatures of OUT
    python benchmarks/live/signatures.py OUT --table                     the figures, from the rows so far

OUT is a folder: `rows.jsonl` has one row for each world, and worlds that have a row are not done again; `*.json` are
the signatures of each world. On rungs 1-6, half of the campaign's accounts are kept from the hunt and stand for the
pool that replaces it; on rung 11 the hunt sees the first part of the log, and accounts that harvest only later are the
replacements. All honest accounts of a world are replayed as newcomers. Where the hunt finds no campaign to act on, the
row says so, and a second signature is compiled from the true harvest instead (`true_labels`): it shows what a signature
could do and not what this hunt did.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.dataset import LocalDataset
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.base.schema_case import CAMPAIGNS, HARVEST, MEMBERS, SLICES
from stillhunt.collect import open_accounts, open_requests
from stillhunt.decide.weighed_links import sign_up_bits
from stillhunt.extract import sketch_requests
from stillhunt.pipeline import hunt
from stillhunt.watch.signatures.compiling import compile_signatures
from stillhunt.watch.signatures.matcher import _CARRIERS, Matcher
from stillhunt.watch.signatures.parameters import MATCHING
from stillhunt.watch.signatures.returns import tie
from stillhunt.watch.signatures.signature import MICRO, Signature, SignatureSet, as_json, read_signatures
from stillhunt.watch.signatures.weighing import SenderTable, sender_hashes, style_hashes
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World, WorldSpec, build_world, spec_for_rung

RUNGS = (1, 2, 3, 4, 5, 6, 11)
GENERATORS = ("first", "second")
REPLAYED = 2_000
"""Requests that are matched at a time."""
CUT = 0.6
"""Part of the log before the swap on rung 11."""
FOR_ACCOUNTS = 20
"""Requests within which an account should be linked."""
Array = np.ndarray[Any, np.dtype[Any]]


def world_of(generator: str, rung: int, seed: int, accounts: int, days: int) -> World:
    if generator == "second":
        spec = SecondSpec(rung, accounts=accounts, days=days, seed=seed, campaign_accounts=_size(rung))
        return build_second_world(spec)
    if rung == 0:
        return build_world(WorldSpec(accounts=accounts, days=days, seed=seed))
    return build_world(spec_for_rung(rung, accounts=accounts, days=days, seed=seed, campaign_accounts=_size(rung)))


def _size(rung: int) -> int:
    """Accounts of a campaign; where half of them stand by, there are more."""
    return 100 if rung == 11 else 60


def sketches_of(requests: pa.Table) -> pa.Table:
    """SKETCHES of a world's requests, in order of time."""
    config = Config()
    with DuckDBEngine(threads=1, memory_gb=1.0) as engine:
        log = open_requests(requests, mapping=None, config=config, engine=engine, progress=Silent())
        return pa.concat_tables([sketch_requests(batch, config) for batch in log.batches()]).sort_by("timestamp")


def replacements(world: World, rung: int, seed: int) -> tuple[set[str], Array]:
    """Accounts that stand for the replacement pool, and which requests the hunt sees."""
    truth = world.truth_requests
    harvests = pc.not_equal(truth["campaign"], "").to_numpy()
    owners = np.array(truth["account_id"].to_pylist())
    harvesters = sorted(set(owners[harvests].tolist()))
    time_of = world.requests["timestamp"].cast(pa.int64()).to_numpy()
    own = np.array(world.requests["account_id"].to_pylist())
    if rung == 11:
        swap = int(time_of.min() + CUT * (time_of.max() - time_of.min()))
        early = set(own[(time_of < swap) & harvested(world)].tolist())
        return {name for name in harvesters if name not in early}, time_of < swap
    chosen = np.random.default_rng(seed).permutation(harvesters)[: len(harvesters) // 2]
    return set(chosen.tolist()), ~np.isin(own, chosen)


def harvested(world: World) -> Array:
    """Which requests are harvest, in truth."""
    truth = world.truth_requests
    names = truth.filter(pc.not_equal(truth["campaign"], ""))["request_id"].combine_chunks()
    return pc.is_in(world.requests["request_id"], value_set=names).to_numpy()


def true_tables(world: World, seen: Array, tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Case tables in which the true harvest is one campaign to act on."""
    own = world.requests.filter(pa.array(seen & harvested(world)))
    members, requests = own["account_id"].unique(), own.num_rows
    size, last = len(members), int(pc.max(own["timestamp"].cast(pa.int64())).as_py())
    nothing: dict[str, Any] = {
        "skills": [[]],
        "models": [[]],
        "families": [[]],
        "output_tokens": [0],
        "list_value": [0.0],
    }
    campaign = CAMPAIGNS.build(
        campaign_id=["true"], kind=["harvest"], score=[0.999], verdict=["act"], accounts=[size], requests=[requests],
        first_seen=[last], last_seen=[last], estimated_requests=[requests], **nothing,
    )  # fmt: skip
    member = MEMBERS.build(
        account_id=members, campaign_id=["true"] * size, role=["unknown"] * size, requests=[1] * size,
        share=[1.0] * size, score=[0.99] * size,
    )  # fmt: skip
    ones = [1] * size
    return {
        "campaigns": campaign,
        "members": pa.concat_tables([tables["members"], member]),
        "slices": SLICES.build(
            slice_id=members, account_id=members, campaign_id=["true"] * size, requests=ones, harvest_requests=ones
        ),
        "harvest": HARVEST.build(
            request_id=own["request_id"], slice_id=own["account_id"], campaign_id=["true"] * requests
        ),
    }


def compiled(world: World, seen: Array) -> tuple[SignatureSet, dict[str, Any], pa.Table]:
    """Signatures of a hunt over what it sees, facts about it, and its members."""
    sanctioned = {"sanctioned": {"organizations": list(world.sanctioned)}}
    config = Config.load({"threads": 1, **sanctioned}, environ={})
    found: dict[str, Any] = {}

    def after(sketches: Any, hunted: Any) -> None:
        tables, settings = hunted.tables, hunted.config
        began = time.process_time()
        found["set"] = compile_signatures(sketches, tables, settings, int(times.max()))
        found["cpu"] = time.process_time() - began
        found["true_labels"] = not found["set"].signatures
        if found["true_labels"]:
            found["reasons"] = [one.reason for one in found["set"].without] or ["no campaign to act on"]
            found["set"] = compile_signatures(sketches, true_tables(world, seen, tables), settings, int(times.max()))

    times = world.requests["timestamp"].cast(pa.int64()).to_numpy()[seen]
    began = time.process_time()
    case = hunt(world.requests.filter(pa.array(seen)), world.accounts, config, after=after)
    cpu = time.process_time() - began
    facts = {"true_labels": found["true_labels"], "without": found.get("reasons", [])}
    return found["set"], {**facts, "compile_cpu": round(found["cpu"], 3), "hunt_cpu": round(cpu, 3)}, case.members


def compiled_from_truth(world: World, seen: Array, sketches: pa.Table) -> SignatureSet:
    """Signatures as if a hunt had found the whole harvest that it sees, and nothing else."""
    visible = pc.is_in(sketches["request_id"], value_set=world.requests.filter(pa.array(seen))["request_id"].unique())
    table = sketches.filter(visible)
    source = LocalDataset(
        [lambda columns: table if columns is None else table.select(list(columns))], table.column_names, 1
    )
    tables = true_tables(world, seen, {"members": MEMBERS.empty()})
    return compile_signatures(source, tables, Config(), int(pc.max(table["timestamp"].cast(pa.int64())).as_py()))


def replay(signatures: list[Signature], sketches: pa.Table) -> Matcher:
    matcher = Matcher(signatures)
    for start in range(0, sketches.num_rows, REPLAYED):
        matcher.match(sketches.slice(start, REPLAYED))
    return matcher


def requests_until(matcher: Matcher, sketches: pa.Table, wanted: set[str]) -> list[int | None]:
    """Requests of each wanted account until it is linked, all of its requests counted; None where it never is."""
    linked = {}
    for one in matcher.linked():
        linked[one.account_id] = min(one.linked_at, linked.get(one.account_id, one.linked_at))
    own = sketches.filter(pc.is_in(sketches["account_id"], value_set=pa.array(sorted(wanted))))
    names = np.array(own["account_id"].to_pylist())
    times = own["timestamp"].cast(pa.int64()).to_numpy()
    return [int(((names == one) & (times <= linked[one])).sum()) if one in linked else None for one in sorted(wanted)]


def beyond_texts(matcher: Matcher, world: World, wanted: set[str]) -> set[str]:
    """Linked accounts to which a policy may do more than tag: sender, card or sign-up agree with the campaign."""
    with DuckDBEngine(threads=1, memory_gb=1.0) as engine:
        table = open_accounts(world.accounts, mapping=None, config=Config(), engine=engine, progress=Silent())[0]
    truth = world.truth_accounts
    planted = set(truth.filter(pc.not_equal(pc.fill_null(truth["campaign"], ""), ""))["account_id"].to_pylist())
    linked = {one.account_id: one.sender_bits for one in matcher.linked()}
    ties = sign_up_bits(table, sorted(linked), planted - wanted) if table is not None else {}
    return {name for name, bits in linked.items() if bits + ties.get(name, 0.0) >= MATCHING.sender_bits}


def like_senders(signatures: Sequence[Signature], sketches: pa.Table) -> set[str]:
    """Accounts that have a sender like a campaign's in enough requests, whatever these say."""
    owners = np.array(sketches["account_id"].to_pylist())
    styles = style_hashes(sketches)
    hashes = sender_hashes(sketches, styles)
    found: set[str] = set()
    for one in signatures:
        counts = Counter(owners[SenderTable(one).bits(hashes) >= round(MATCHING.sender_bits * MICRO)].tolist())
        found |= {name for name, count in counts.items() if count >= _CARRIERS}
    return found


def tied(signatures: list[Signature], sketches: pa.Table, wanted: set[str], truth: pa.Table) -> list[dict[str, Any]]:
    """Evidence of a return for the harvested requests of some accounts."""
    names = truth.filter(pc.not_equal(truth["campaign"], ""))["request_id"].combine_chunks()
    own = sketches.filter(
        pc.and_(
            pc.is_in(sketches["account_id"], value_set=pa.array(sorted(wanted), pa.string())),
            pc.is_in(sketches["request_id"], value_set=names),
        )
    )
    return [{"bits": (found := tie(one, own)).bits, **found.kinds} for one in signatures]


def swap_row(generator: str, rung: int, seed: int, accounts: int, out: Path, hunts: bool = True) -> dict[str, Any]:
    """One world: hunt, compile, replay."""
    world = world_of(generator, rung, seed, accounts, 14)
    wanted, seen = replacements(world, rung, seed)
    sketches = sketches_of(world.requests)
    if hunts:
        signatures, facts, members = compiled(world, seen)
    else:
        facts, members = {"true_labels": True, "without": []}, MEMBERS.empty()
        signatures = compiled_from_truth(world, seen, sketches)
    (out / f"{generator}-{rung}-{seed}.json").write_bytes(as_json(signatures))
    truth = world.truth_accounts
    planted = pc.not_equal(pc.fill_null(truth["campaign"], ""), "")
    honest = set(truth.filter(pc.invert(planted))["account_id"].to_pylist())
    personas = dict(zip(truth["account_id"].to_pylist(), truth["persona"].to_pylist(), strict=True))
    names = pa.array(sorted(honest | wanted), pa.string())
    after = sketches.filter(pc.is_in(sketches["account_id"], value_set=names))
    if rung == 11:  # what came before the swap was before the signature
        swap = world.requests.filter(pa.array(~seen))["request_id"].combine_chunks()
        after = after.filter(pc.is_in(after["request_id"], value_set=swap))
    matcher = replay(signatures.signatures, after)
    counts = requests_until(matcher, after, wanted)
    wrong = sorted({one.account_id for one in matcher.linked()} & honest)
    beyond = beyond_texts(matcher, world, wanted)
    alike = like_senders(
        signatures.signatures, sketches.filter(pc.is_in(sketches["account_id"], value_set=pa.array(sorted(honest))))
    )
    strangers = _strangers(out, generator, seed)
    return {
        "generator": generator, "rung": rung, "seed": seed, **facts,
        "signatures": len(signatures.signatures), "true_without": [one.reason for one in signatures.without],
        "rates": [one.false_matches.at_most_per_million for one in signatures.signatures],
        "set_aside": sum(one.false_matches.set_aside for one in signatures.signatures),
        "replacements": len(wanted), "until": counts, "beyond": [one in beyond for one in sorted(wanted)],
        "honest_beyond": sorted(beyond & honest), "honest_alike": dict(Counter(personas[one] for one in alike)),
        "members": members.num_rows,
        "honest_requests": int(pc.sum(pc.is_in(after["account_id"], value_set=pa.array(sorted(honest)))).as_py()),
        "honest_accounts": len(honest), "honest_linked": dict(Counter(personas[one] for one in wrong)),
        "honest_matched": sum(one.matched for one in matcher.linked() if one.account_id in honest),
        "tie": tied(signatures.signatures, sketches, wanted, world.truth_requests),
        "stranger_ties": tied(strangers, sketches, wanted, world.truth_requests),
    }  # fmt: skip


def _strangers(out: Path, generator: str, seed: int) -> list[Signature]:
    """Signatures of worlds of other seeds, same generator, which the campaign of this one has nothing to do with."""
    others = [path for path in sorted(out.glob(f"{generator}-*.json")) if not path.stem.endswith(f"-{seed}")]
    return [one for path in others for one in read_signatures(path, seed=0).signatures]


def honest_row(generator: str, seed: int, accounts: int, out: Path) -> dict[str, Any]:
    """One honest month under all signatures so far."""
    world = world_of(generator, 0, seed, accounts, 28)
    signatures = [one for path in sorted(out.glob("*-*-*.json")) for one in read_signatures(path, seed=0).signatures]
    personas = dict(
        zip(world.truth_accounts["account_id"].to_pylist(), world.truth_accounts["persona"].to_pylist(), strict=True)
    )
    sketches = sketches_of(world.requests)
    began = time.process_time()
    matcher = replay(signatures, sketches)
    cpu = time.process_time() - began
    linked = matcher.linked()
    best: Counter[int] = Counter()
    for key, _, bits, _ in matcher.scores():
        best[key] = max(best[key], bits)
    return {
        "honest": generator, "seed": seed, "requests": sketches.num_rows, "accounts": len(personas),
        "signatures": len(signatures), "match_cpu": round(cpu, 3), "linked": len({one.account_id for one in linked}),
        "pairs": len(linked), "matched": sum(one.matched for one in linked),
        "personas": dict(Counter(personas[name] for name in {one.account_id for one in linked})),
        "highest": [round(bits / 1e6, 1) for _, bits in best.most_common(3)],
    }  # fmt: skip


def rows_of(out: Path) -> Iterator[dict[str, Any]]:
    path = out / "rows.jsonl"
    if path.exists():
        yield from map(json.loads, path.read_text().splitlines())


def print_table(out: Path) -> None:
    rows = list(rows_of(out))
    print("generator  rung  labels  worlds  signed  replaced  linked  within 20  median  worst  tie  stranger  beyond")
    for generator, rung, true in ((one, two, true) for one in GENERATORS for two in RUNGS for true in (False, True)):
        own = [row for row in rows if (row.get("generator"), row.get("rung")) == (generator, rung)]
        own = [row for row in own if row["true_labels"] is true]
        if not own:
            continue
        signed = [row for row in own if row["signatures"]]
        until = [one for row in signed for one in row["until"]]
        known = [one for one in until if one is not None]
        ties = [max(one["bits"] for one in row["tie"]) for row in signed if row["tie"]]
        strange = [one["bits"] for row in own for one in row["stranger_ties"]]
        soon = sum(one <= FOR_ACCOUNTS for one in known)
        print(
            f"{generator:<11}{rung:>4}{'  true  ' if true else '  hunt  '}{len(own):>8}{len(signed):>8}{len(until):>10}"
            f"{len(known):>8}{soon:>11}{np.median(known) if known else float('nan'):>8.0f}{max(known, default=0):>7}"
            f"{min(ties, default=float('nan')):>6.1f}{max(strange, default=float('nan')):>9.1f}"
            f"{sum(sum(row['beyond']) for row in signed):>14}"
        )
    swaps = [row for row in rows if "generator" in row]
    months = [row for row in rows if "honest" in row]
    for name, own, requests in (("same worlds", swaps, "honest_requests"), ("honest months", months, "requests")):
        linked = Counter[str]()
        for row in own:
            linked.update(row["honest_linked" if own is swaps else "personas"])
        total = sum(row[requests] for row in own)
        print(f"{name}: {len(own)}, {total:,} honest requests, linked {dict(linked)}")
    accounts = sum(row["honest_accounts"] for row in swaps)
    alike = sum(sum(row["honest_alike"].values()) for row in swaps)
    print(f"{alike} of {accounts} honest accounts of the same worlds have a sender like the campaign's")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="")
    parser.add_argument("--rungs", default=",".join(map(str, RUNGS)))
    parser.add_argument("--generators", default=",".join(GENERATORS))
    parser.add_argument("--accounts", type=int, default=1500)
    parser.add_argument("--honest", type=int, default=0, metavar="MONTHS", help="half of them from each generator")
    parser.add_argument("--honest-seed", type=int, default=7001)
    parser.add_argument("--from-truth", action="store_true", help="sign the true harvest, without a hunt; much faster")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    done = {(row.get("generator") or row["honest"], row.get("rung", 0), row["seed"]) for row in rows_of(out)}
    wanted = [
        (generator, int(rung), int(seed))
        for seed in filter(None, arguments.seeds.split(","))
        for rung in arguments.rungs.split(",")
        for generator in arguments.generators.split(",")
    ]
    wanted += [(GENERATORS[month % 2], 0, arguments.honest_seed + month) for month in range(arguments.honest)]
    for generator, rung, seed in wanted:
        if (generator, rung, seed) in done:
            continue
        if rung:
            row = swap_row(generator, rung, seed, arguments.accounts, out, not arguments.from_truth)
        else:
            row = honest_row(generator, seed, arguments.accounts // 3, out)
        with (out / "rows.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps({k: v for k, v in row.items() if k not in ("until", "stranger_ties")}), flush=True)
    if arguments.table:
        print_table(out)


if __name__ == "__main__":
    main()
