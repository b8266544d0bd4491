"""The drill: what is planted looks like the log, is labelled, is counted rightly, and leaves the log unchanged."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, InputError, OutputError
from stillhunt.base.progress import Silent
from stillhunt.base.schema_case import CAMPAIGNS, CASE_ACCOUNTS, MEMBERS
from stillhunt_lab.drill import run as drill_run
from stillhunt_lab.drill.own_logs import ID_MARK, LogsToDrill, OwnLogs, learn_honest_traffic, read_own_logs
from stillhunt_lab.drill.plant import Cell, DrillContext, Planted, plant
from stillhunt_lab.drill.report import document, markdown, picture, refuse_folder, write_results
from stillhunt_lab.drill.run import DrillResult, DrillSpec, Outcome, drill, judge
from stillhunt_lab.drill.sentences import draw_items, draw_subject, split_prompts
from stillhunt_lab.worlds.build import World, WorldSpec, build_world, write_world
from stillhunt_lab.worlds.campaigns import CampaignSpec


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(WorldSpec(accounts=180, days=5, seed=21))


@pytest.fixture(scope="module")
def config(world: World) -> Config:
    return Config(threads=1, sanctioned={"organizations": world.sanctioned})


@pytest.fixture(scope="module")
def folder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("drill") / "world"
    write_world(world, out)
    return out


@pytest.fixture(scope="module")
def source(folder: Path) -> LogsToDrill:
    return LogsToDrill([str(folder / "requests")], str(folder / "accounts.parquet"))


@pytest.fixture(scope="module")
def own(source: LogsToDrill, config: Config) -> OwnLogs:
    return read_own_logs(source, config, Silent())


@pytest.fixture(scope="module")
def context(own: OwnLogs) -> DrillContext:
    return drill_run._build_drill_context(
        own, learn_honest_traffic(own, frozenset()), DrillSpec(cover=0.4, queue=3_000)
    )


@pytest.fixture(scope="module")
def result(folder: Path, source: LogsToDrill, config: Config) -> tuple[DrillResult, bool]:
    """A drill of one plain campaign and one hard one, and whether the logs are byte for byte what they were."""
    before = state(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drill_run, "LOOKS", (1 / 2,))
        plain = drill(source, DrillSpec(sizes=(60,), paces=(14.0,), kinds=("template",)), config)
    hard = drill(source, DrillSpec(sizes=(8,), paces=(2.0,), kinds=("untemplated",)), config)
    spec = dataclasses.replace(plain.spec, sizes=(8, 60), paces=(2.0, 14.0), kinds=("template", "untemplated"))
    return dataclasses.replace(plain, spec=spec, cells=plain.cells + hard.cells), state(folder) == before


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def cell_of(result: DrillResult, kind: str) -> drill_run.CellResult:
    return next(cell for cell in result.cells if cell.kind == kind)


def test_a_template_of_sixty_accounts_is_found_and_a_few_untemplated_items_are_reported_as_missed(
    result: tuple[DrillResult, bool],
) -> None:
    template, untemplated = cell_of(result[0], "template"), cell_of(result[0], "untemplated")
    assert template.found
    assert template.verdict == "act"
    assert template.recall > 0.5
    assert template.touched == 0
    assert template.first_call is not None
    assert 0 < template.first_call <= template.requests
    assert not untemplated.found
    assert untemplated.first_call is None
    assert untemplated.recall == 0


def test_the_logs_stay_as_they_are(result: tuple[DrillResult, bool]) -> None:
    assert result[1]


def test_the_copy_is_hunted_like_the_log() -> None:
    """Stand-ins for addresses and cards keep everything that the hunt compares."""
    shared = build_world(WorldSpec(accounts=100, days=4, seed=5, campaigns=(CampaignSpec(1, 30),)))
    config = Config(threads=1)
    straight = stillhunt.hunt(shared.requests, shared.accounts, config)
    copy = read_own_logs(LogsToDrill(shared.requests, shared.accounts), config, Silent())
    again = stillhunt.hunt(copy.requests, copy.accounts, config)
    assert straight.run["counts"]["flagged"] >= 25
    for name in ("campaigns", "members", "accounts", "evidence"):
        assert again.tables[name].equals(straight.tables[name]), name


@pytest.mark.parametrize("kind", ["template", "paraphrase", "untemplated"])
def test_planted_rows_are_labelled_new_and_in_the_log_s_own_values(context: DrillContext, kind: str) -> None:
    planted = plant(context, Cell(kind, 25, 12.0), np.random.default_rng(1))
    own, rows = context.own, planted.requests
    assert rows.schema == own.requests.schema
    assert planted.accounts is not None
    assert planted.accounts.schema == own.accounts.schema
    for table, column in ((rows, "account_id"), (rows, "request_id"), (planted.accounts, "account_id")):
        assert pc.all(pc.starts_with(table[column], ID_MARK)).as_py()
    prompts = rows["prompt"].to_pylist()
    assert len(set(prompts)) == len(prompts)
    assert not set(prompts) & set(own.requests["prompt"].to_pylist())
    for name in ("model", "user_agent", "tls_fingerprint", "asn", "country"):
        assert set(rows[name].to_pylist()) <= set(own.requests[name].to_pylist()), name
    assert not values(rows, "client_ip") & values(own.requests, "client_ip")
    assert networks(values(rows, "client_ip")) <= networks(values(own.requests, "client_ip"))
    cards = values(planted.accounts, "payment_fingerprint")
    assert len(cards) == pc.count(planted.accounts["payment_fingerprint"]).as_py() > 0
    assert not cards & values(own.accounts, "payment_fingerprint")
    time = rows["timestamp"].cast(pa.int64()).to_numpy()
    assert (np.diff(time) >= 0).all()
    assert context.honest.first <= time[0]
    assert time[-1] <= context.honest.last + 1_000_000


def values(table: pa.Table, name: str) -> set[str]:
    return set(table[name].to_pylist()) - {None}


def networks(addresses: set[str]) -> set[str]:
    return {address[:14] for address in addresses}


def test_loads_are_equal_and_cover_has_its_share(context: DrillContext) -> None:
    planted = plant(context, Cell("untemplated", 40, 10.0), np.random.default_rng(2))
    loads = np.array(planted.requests["account_id"].value_counts().field("counts").to_pylist())
    assert loads.std() / loads.mean() < 0.2
    cover = 1 - len(planted.harvest_times) / planted.requests.num_rows
    assert 0.33 < cover < 0.45


def test_a_queue_ends_the_campaign(context: DrillContext) -> None:
    small = dataclasses.replace(context, cover=0.0, queue=500)
    planted = plant(small, Cell("untemplated", 50, 40.0), np.random.default_rng(3))
    assert 350 < planted.requests.num_rows < 650


def test_planting_repeats_under_a_seed(context: DrillContext) -> None:
    cell = Cell("paraphrase", 10, 8.0)
    one, two, other = (plant(context, cell, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert one.requests.equals(two.requests)
    assert one.accounts.equals(two.accounts)
    assert not one.requests["prompt"].equals(other.requests["prompt"])


def test_nothing_is_learned_from_suspects(own: OwnLogs) -> None:
    busiest = own.requests["account_id"].value_counts().to_pylist()
    suspect = max(busiest, key=lambda pair: (pair["counts"], pair["values"]))["values"]
    honest = learn_honest_traffic(own, frozenset({suspect}))
    seen = np.concatenate(honest.rows_of)
    assert suspect not in set(own.requests["account_id"].take(pa.array(seen)).to_pylist())
    assert len(honest.rows_of) == len(busiest) - 1


def test_a_sample_takes_all_requests_of_its_accounts_whatever_the_files(world: World, config: Config) -> None:
    requests = world.requests
    one = read_own_logs(LogsToDrill(requests, world.accounts, sample=80), config, Silent())
    cuts = [requests.slice(requests.num_rows // 2), requests.slice(0, requests.num_rows // 2)]
    split = read_own_logs(LogsToDrill(cuts, world.accounts, sample=80), config, Silent())
    drawn = set(one.requests["account_id"].to_pylist())
    assert one.is_sample
    assert len(drawn) == 80
    assert set(split.requests["account_id"].to_pylist()) == drawn
    assert set(one.accounts["account_id"].to_pylist()) == drawn
    rows = sum(pair["counts"] for pair in requests["account_id"].value_counts().to_pylist() if pair["values"] in drawn)
    assert one.requests.num_rows == split.requests.num_rows == rows


def test_a_log_without_customers_and_addresses_can_be_planted(world: World, config: Config) -> None:
    poor = world.requests.select(["request_id", "timestamp", "account_id", "model", "prompt"])
    own = read_own_logs(LogsToDrill(poor), config, Silent())
    context = drill_run._build_drill_context(own, learn_honest_traffic(own, frozenset()), DrillSpec())
    planted = plant(context, Cell("template", 10, 10.0), np.random.default_rng(6))
    assert planted.accounts is None
    filled = {name for name in planted.requests.schema.names if planted.requests[name].null_count == 0}
    assert filled == {"request_id", "timestamp", "account_id", "model", "source", "prompt"}


def test_items_come_from_one_subject_and_never_twice_before_all_were_used() -> None:
    greeting = "Hello dear assistant. "
    texts = [
        f"{greeting}The topic{kind} orchard place{kind}x{i} needs care. What does pear{kind}x{i} of topic{kind} need?"
        for kind in range(20)
        for i in range(20)
    ]
    sentences = split_prompts([(at % 40, text) for at, text in enumerate(texts)])
    assert not any(greeting.strip() in text for text in (*sentences.first_parts, *sentences.second_parts))
    subject = draw_subject(sentences, np.random.default_rng(0), 15)
    assert len({sentences.first_parts[at].split()[1] for at in subject.tolist()}) == 1
    items = draw_items(sentences, np.random.default_rng(1), subject, 15)
    for cut in (sentences.first_parts, sentences.second_parts):
        assert all(sum(cut[at] in item for item in items) == 1 for at in subject.tolist())


def case_tables(
    members: dict[str, list[str]], verdicts: dict[str, str], flagged: dict[str, str]
) -> dict[str, pa.Table]:
    """The three tables that are judged: campaign -> accounts, campaign -> verdict, flagged account -> campaign."""

    def filled(table: object, rows: list[dict[str, object]]) -> pa.Table:
        return pa.Table.from_pylist(rows, schema=pa.schema([field.with_nullable(True) for field in table.arrow]))

    pairs = [(campaign, account) for campaign, accounts in members.items() for account in accounts]
    return {
        "members": filled(MEMBERS, [{"campaign_id": c, "account_id": a} for c, a in pairs]),
        "campaigns": filled(CAMPAIGNS, [{"campaign_id": c, "verdict": v} for c, v in verdicts.items()]),
        "accounts": filled(
            CASE_ACCOUNTS, [{"account_id": a, "campaign_id": c, "flagged": True} for a, c in flagged.items()]
        ),
    }


def planted_named(names: list[str]) -> Planted:
    empty = pa.table({"prompt": pa.array([], pa.string())})
    return Planted(Cell("untemplated", len(names), 1.0), empty, None, tuple(names), np.zeros(0, np.int64))


def test_judging_asks_for_act_five_accounts_and_purity() -> None:
    mine = [f"{ID_MARK}a{at}" for at in range(9)]
    planted = planted_named(mine)

    def outcome(members: list[str], verdict: str) -> Outcome:
        return judge(case_tables({"c": members}, {"c": verdict}, dict.fromkeys(mine, "c")), planted, frozenset())

    assert outcome(mine, "act").correct
    assert not outcome(mine, "review").correct
    assert outcome(mine, "review").verdict == "review"
    assert not outcome(mine[:4], "act").correct
    assert outcome([*mine, "honest"], "act").correct  # nine in ten
    assert not outcome([*mine, "honest", "other"], "act").correct
    assert outcome(["a", "b", "c", "d", "e"], "act").verdict == "unseen"


@pytest.mark.parametrize(("flagged", "words"), [(0, "no (not flagged)"), (4, "no (few flagged)")])
def test_a_campaign_whose_accounts_are_not_flagged_is_not_found(
    result: tuple[DrillResult, bool], flagged: int, words: str
) -> None:
    mine = [f"{ID_MARK}a{at}" for at in range(20)]
    tables = case_tables({"c": mine}, {"c": "act"}, dict.fromkeys(mine[:flagged], "c"))
    outcome = judge(tables, planted_named(mine), frozenset())
    assert not outcome.correct
    cell = dataclasses.replace(
        cell_of(result[0], "template"),
        accounts=len(mine),
        found=outcome.correct,
        verdict=outcome.verdict,
        recall=outcome.flagged / len(mine),
    )
    text = markdown(dataclasses.replace(result[0], cells=(cell,)))
    assert f"| {words} |" in text
    assert "fewer than 5 of the planted accounts have enough evidence of their own" in text
    assert "impure" not in text


def test_touched_accounts_are_the_others_that_are_flagged_only_now() -> None:
    mine = [f"{ID_MARK}a{at}" for at in range(9)]
    flagged = dict.fromkeys([*mine[:6], "x", "suspect"], "c") | {"y": "d", "suspect too": "d"}
    tables = case_tables({"c": [*mine, "x"], "d": ["y", "z"]}, {"c": "act", "d": "act"}, flagged)
    outcome = judge(tables, planted_named(mine), frozenset({"suspect", "suspect too"}))
    assert (outcome.flagged, outcome.touched) == (6, 2)


def test_results_are_written_and_say_what_is_missed(result: tuple[DrillResult, bool], tmp_path: Path) -> None:
    write_results(result[0], tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["drill.json", "drill.md", "drill.svg"]
    written = json.loads((tmp_path / "out" / "drill.json").read_text("utf-8"))
    assert written == json.loads(json.dumps(document(result[0])))
    assert {"kind": "template", "pace": 14.0, "accounts": 60} in written["smallest_found"]
    text = markdown(result[0])
    assert "template: found from 60 accounts at 14 a day" in text
    assert "untemplated: not found up to 60 accounts at 2, 14 a day." in text
    assert picture(result[0]).count("<circle") == 2 + 2  # two cells, and two paces in the legend


def test_the_first_call_is_the_first_of_those_that_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at 10, 20, 40 and all 80 requests: right, wrong, right, right."""
    right, wrong = Outcome(True, "act", 9, 0), Outcome(False, "none", 0, 0)
    planted = planted_named([f"{ID_MARK}a{at}" for at in range(9)])
    planted = dataclasses.replace(planted, harvest_times=np.arange(80))
    outcomes = {10: right, 20: wrong, 40: right, None: right}
    monkeypatch.setattr(drill_run, "LOOKS", (1 / 8, 1 / 4, 1 / 2))
    monkeypatch.setattr(drill_run._Looks, "_hunt_until_moment", lambda _looks, moment: outcomes[moment])
    table = pa.table({"prompt": pa.array([], pa.string())})
    looks = drill_run._Looks(OwnLogs(table, None, False), planted, frozenset(), Config())
    assert looks.result().first_call == 40


def test_smallest_found_stops_at_the_first_gap(result: tuple[DrillResult, bool]) -> None:
    cell = cell_of(result[0], "template")
    found = {10: True, 30: False, 100: True, 300: True}
    cells = tuple(dataclasses.replace(cell, accounts=size, found=yes) for size, yes in found.items())
    assert dataclasses.replace(result[0], cells=cells).smallest_found("template", 14.0) == 100


def test_an_impure_call_is_no_find_and_is_told(result: tuple[DrillResult, bool]) -> None:
    mixed = dataclasses.replace(cell_of(result[0], "template"), found=False, verdict="act", first_call=None)
    text = markdown(dataclasses.replace(result[0], cells=(mixed,)))
    assert "| impure |" in text
    assert "more than one in ten accounts of the group are not from the planted campaign" in text
    assert "template: not found" in text


def test_suspects_and_samples_are_told(result: tuple[DrillResult, bool]) -> None:
    text = markdown(dataclasses.replace(result[0], suspects=7, is_sample=True, accounts=500))
    assert "7 accounts are flagged without any planted campaign" in text
    assert "sample of the accounts" in text
    assert "Campaigns of 60 accounts are more than 10 % of these 500 accounts" in text


def test_what_cannot_be_drilled_is_refused(world: World, config: Config, own: OwnLogs, tmp_path: Path) -> None:
    for wrong in ({"sizes": ()}, {"sizes": (1,)}, {"paces": (3.0, 3.0)}, {"kinds": ("verse",)}, {"cover": 0.95}):
        with pytest.raises(ConfigError):
            DrillSpec(**wrong)
    with pytest.raises(InputError, match="hours"):
        learn_honest_traffic(dataclasses.replace(own, requests=own.requests.slice(0, 200)), frozenset())
    marked = world.requests.slice(0, 50)
    names = pa.array([ID_MARK + name for name in marked["account_id"].to_pylist()])
    with pytest.raises(InputError, match="mark of planted accounts"):
        read_own_logs(LogsToDrill(marked.set_column(2, "account_id", names)), config, Silent())
    logs = tmp_path / "logs"
    logs.mkdir()
    with pytest.raises(OutputError, match="inside the logs"):
        refuse_folder(logs / "drill", [str(logs)])
    pq.write_table(marked, logs / "part.parquet")
    with pytest.raises(OutputError, match="not empty"):
        refuse_folder(logs, [])


def test_too_much_for_memory_is_refused_with_the_way_out(
    world: World, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillhunt_lab.drill.own_logs.MAX_LOG_BYTES", 1 << 20)
    with pytest.raises(InputError, match="sample of the accounts"):
        read_own_logs(LogsToDrill(world.requests), config, Silent())
    assert read_own_logs(LogsToDrill(world.requests, sample=5), config, Silent()).is_sample
