"""Each page of the console on a large case: time at the server, memory, and when a browser paints it.

    python benchmarks/console/large_case.py case large      the case of the targets, see there
    python benchmarks/console/pages.py large                some five minutes; needs Chromium and playwright
    python benchmarks/console/pages.py large --no-browser   the server alone
    python benchmarks/console/pages.py large --only members --queries

`stillhunt open` is started as a process of its own. Each page is asked once for the figure of its first reader, then
`--rounds` times, in turn with a small static file of the same server, since the machine is shared: its time is the
unit of the ratios. Each table is asked for its next and last page, each order in both directions, a search, a choice of
each filter and a bound of each figure, as the page itself offers them; the slowest of these is shown (the median of
`--rounds`; `--queries` prints each). The browser loads each page with an empty cache; the figures are those of its
PerformanceObserver. At last the memory of the server is read, which has then shown all pages.
"""

from __future__ import annotations

import argparse
import html
import http.client
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psutil

from stillhunt.triage import Case

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))
from served import free_port

EMPTY_PAGE = "/static/icon.svg"
CHROMIUM = "/usr/bin/chromium"
SETTLED_SECONDS = 0.5
"""After the load of a page, for what is drawn by scripts."""
TARGETS = {"first paint": 300.0, "table": 100.0, "memory": 400.0}
WITHOUT_PANDAS = """
import sys
class Without:
    def find_spec(self, name, *_):
        if name == "pandas":
            raise ImportError(name)
sys.meta_path.insert(0, Without())
from stillhunt.cli import main
main()
"""
"""The command as it runs where stillhunt alone is installed: Arrow loads pandas, 32 MB, wherever it finds it."""
OBSERVER = """
window.seen = {paint: null, largest: null, shift: 0};
const watch = (type, note) => new PerformanceObserver(
    (list) => list.getEntries().forEach(note)).observe({type, buffered: true});
watch("paint", (one) => { if (one.name === "first-contentful-paint") seen.paint = one.startTime; });
watch("largest-contentful-paint", (one) => { seen.largest = one.startTime; });
watch("layout-shift", (one) => { if (!one.hadRecentInput) seen.shift += one.value; });
"""


@dataclass
class Figures:
    """What was measured of one page; milliseconds.

    Attributes:
        name, path: of the page.
        first: its first answer.
        size: of the answer, bytes.
        took: further answers.
        empty: those of the static file in between.
        cpu: processor time of an answer.
        queries: of its table: what was asked -> median.
        query_cpu: processor time of the slowest of them.
        paint, largest, shift: of each load in the browser.
    """

    name: str
    path: str
    first: float = 0.0
    size: int = 0
    took: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    cpu: float = 0.0
    queries: dict[str, float] = field(default_factory=dict)
    query_cpu: float = 0.0
    paint: list[float] = field(default_factory=list)
    largest: list[float] = field(default_factory=list)
    shift: list[float] = field(default_factory=list)

    @property
    def slowest(self) -> str:
        """The slowest query of its table; "" where it has none."""
        return max(self.queries, key=lambda query: self.queries[query], default="")


class Asker:
    """One kept connection of a reader.

    Args:
        port: of the server.
        key: in the address that it prints, for which it gives a cookie.
    """

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self._connection.request("GET", f"/?{urlencode({'key': key})}")
        answer = self._connection.getresponse()
        answer.read()
        self._headers = {"Cookie": answer.getheader("set-cookie", "").partition(";")[0]}

    def ask(self, path: str) -> tuple[float, bytes]:
        """Milliseconds until the whole answer is here, and the answer; raises where it is no page."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        return took, content


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--loads", type=int, default=5, help="of each page in the browser")
    parser.add_argument("--only", default="", help="pages whose name holds this")
    parser.add_argument("--queries", action="store_true", help="print each query of each table")
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    pages = [page for page in pages_of(options.case) if options.only in page.name]
    with opened(options.case) as (port, key, process, seconds):
        asker = Asker(port, key)
        started = time.perf_counter()
        asker.ask("/")
        print(
            f"start to address {seconds:.1f} s, first page after {time.perf_counter() - started:.2f} s more; "
            f"{_megabytes(process):.0f} MB then"
        )
        for page in pages:
            measure(asker, process, page, options.rounds)
        if not options.no_browser:
            paint(port, key, pages, options.loads)
        show(pages, queries=options.queries)
        peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        print(
            f"memory of the server after all pages: {_megabytes(process):.0f} MB (target {TARGETS['memory']:.0f}), "
            f"at most {int(peak[1]) / 1024 if peak else 0:.0f} MB"
        )


def pages_of(folder: Path) -> list[Figures]:
    """Every page, about the largest campaign and accounts of it."""
    case = Case.read(folder)
    campaign = max(case.campaigns.to_pylist(), key=lambda row: row["accounts"])["campaign_id"]
    members = case.members.filter(case.members["campaign_id"].to_numpy() == campaign).sort_by("account_id")
    member = members["account_id"][members.num_rows // 2].as_py()
    honest = case.accounts.filter(case.accounts["verdict"].to_numpy() == "none")["account_id"][0].as_py()
    excerpt = next((row["text"] for row in case.samples.to_pylist() if row["campaign_id"] == campaign), "")
    phrase = " ".join(excerpt.split()[:6])
    of, who = f"/campaigns/{quote(campaign, safe='')}", f"/accounts/{quote(member, safe='')}"
    return [
        Figures("(a static file)", "/static/console.css"),
        Figures("overview", "/"),
        Figures("queue", "/campaigns"),
        Figures("groups left alone", "/groups"),
        Figures("campaign", of),
        Figures("members", f"{of}/members"),
        Figures("evidence", f"{of}/evidence"),
        Figures("requests", f"{of}/requests"),
        Figures("requests of a member", f"{of}/requests?{urlencode({'account': member})}"),
        Figures("ties", f"{of}/ties"),
        Figures("graph.json", f"{of}/graph.json"),
        Figures("phrase", f"{of}/phrase?{urlencode({'phrase': phrase})}"),
        Figures("accounts", "/accounts"),
        Figures("account, member", who),
        Figures("account, honest", f"/accounts/{quote(honest, safe='')}"),
        Figures("requests of an account", f"{who}?rows=requests"),
        Figures("search, an id", f"/search?{urlencode({'for': member})}"),
        Figures("search, a word", f"/search?{urlencode({'for': phrase.split()[0] if phrase else 'the'})}"),
        Figures("search, a letter", "/search?for=a"),
        Figures("programmes", "/programmes"),
        Figures("sources", "/sources"),
        Figures("settings", "/settings"),
        Figures("report", "/report"),
    ]


@contextmanager
def opened(case: Path) -> Iterator[tuple[int, str, psutil.Process, float]]:
    """`stillhunt open`: its port, the key, the process, and the seconds until it printed its address."""
    port, began = free_port(), time.perf_counter()
    words = [sys.executable, "-c", WITHOUT_PANDAS, "open", str(case), "--listen", f"127.0.0.1:{port}"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = ""
        while "Stop with" not in said:
            line = server.stdout.readline() if server.stdout is not None else ""
            if not line:
                raise RuntimeError(said)
            said += line
        seconds = time.perf_counter() - began
        key = re.search(r"\?key=(\S+)", said)
        while True:
            with suppress(OSError):
                Asker(port, key[1] if key else "").ask(EMPTY_PAGE)
                break
            time.sleep(0.05)
        yield port, key[1] if key else "", psutil.Process(server.pid), seconds
    finally:
        server.terminate()
        server.wait()


def measure(asker: Asker, process: psutil.Process, page: Figures, rounds: int) -> None:
    """Ask a page, and its table where it has one."""
    page.first, content = asker.ask(page.path)
    page.size = len(content)
    for _ in range(rounds):
        page.empty.append(asker.ask(EMPTY_PAGE)[0])
        page.took.append(asker.ask(page.path)[0])
    page.cpu = processor_time(asker, process, page.path, rounds)
    for query in queries_of(content.decode()) if page.name != "report" else ():
        path = f"{page.path}{'&' if '?' in page.path else '?'}{query}"
        page.queries[query] = statistics.median(asker.ask(path)[0] for _ in range(max(3, rounds // 3)))
    if page.queries:
        slowest = f"{page.path}{'&' if '?' in page.path else '?'}{page.slowest}"
        page.query_cpu = processor_time(asker, process, slowest, rounds)


def processor_time(asker: Asker, process: psutil.Process, path: str, rounds: int) -> float:
    """Milliseconds of processor time of the server for an answer, which other programs change least."""
    before = sum(process.cpu_times()[:2])
    for _ in range(rounds):
        asker.ask(path)
    return float(sum(process.cpu_times()[:2]) - before) * 1000 / rounds


def queries_of(page: str) -> list[str]:
    """What the table of a page offers: orders, pages, a search, a value of each filter, a bound of each figure."""
    found = []
    for name in dict.fromkeys(re.findall(r'<th scope="col"[^>]*><a href="\?(?:[^"]*&amp;)?sort=-?([a-z_]+)', page)):
        found += [f"sort={name}", f"sort=-{name}"]
    if rows := re.search(r"<span>Rows [\d,]+ to ([\d,]+) of ([\d,]+)</span>", page):
        size, total = (int(part.replace(",", "")) for part in rows.groups())
        found += ["page=2", f"page={max(1, total // size // 2)}", f"page={max(1, total // size)}", "size=250"]
    choices = re.findall(r'type="checkbox" name="([a-z_]+)" value="([^"]*)"', page)
    found += [urlencode({name: html.unescape(value)}) for name, value in dict(reversed(choices)).items()]
    found += [f"{name}=1" for name in re.findall(r'name="([a-z_]+\.least)"', page)]
    if 'name="find"' in page:
        found += ["find=a", "find=zzz"]
    return found


def paint(port: int, key: str, pages: list[Figures], loads: int) -> None:
    """Load each page in Chromium with an empty cache."""
    from playwright.sync_api import sync_playwright  # start-up time

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        for page in pages:
            if page.path.endswith(".json"):
                continue
            for _ in range(loads):
                seen = _load(browser, f"http://127.0.0.1:{port}", page.path, key)
                page.paint.append(seen["paint"])
                page.largest.append(seen["largest"])
                page.shift.append(seen["shift"])
        browser.close()


def _load(browser: Any, address: str, path: str, key: str) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.request.get(f"{address}/?{urlencode({'key': key})}", max_redirects=0)  # its cookie is the context's, too
    context.add_init_script(OBSERVER)
    tab = context.new_page()
    tab.goto(address + path, wait_until="load")
    tab.wait_for_timeout(SETTLED_SECONDS * 1000)
    seen: dict[str, float] = tab.evaluate("seen")
    context.close()
    return seen


def show(pages: list[Figures], *, queries: bool) -> None:
    """Print the table; `!` stands behind what is over its target."""
    print(
        f"{'page':24}{'kB':>6}{'first':>8}{'median':>8}{'p95':>8}{'cpu':>7}{'ratio':>7}"
        f"{'table':>8}  {'slowest':23}{'cpu':>6}{'paint':>8}{'largest':>9}{'shift':>7}"
    )
    for page in pages:
        slowest, middle = page.slowest, statistics.median(page.took)
        worst = page.queries.get(slowest, 0.0)
        line = (
            f"{page.name:24}{page.size / 1000:6.0f}{page.first:8.0f}{middle:8.1f}{_p95(page.took):8.1f}{page.cpu:7.1f}"
        )
        line += f"{middle / statistics.median(page.empty):7.0f}"
        line += (
            f"{worst:8.1f}{'!' if worst > TARGETS['table'] else ' '}{slowest[:22]:23}{page.query_cpu:6.1f}"
            if slowest
            else " " * 38
        )
        if page.paint:
            shown = statistics.median(page.paint)
            line += f"{shown:7.0f}{'!' if shown > TARGETS['first paint'] else ' '}"
            line += f"{statistics.median(page.largest):9.0f}{max(page.shift):7.3f}"
        print(line)
        for query, took in page.queries.items() if queries else ():
            print(f"    {took:8.1f}  {query[:100]}")
    empty = [took for page in pages for took in page.empty]
    print(f"static file: median {statistics.median(empty):.2f} ms, p95 {_p95(empty):.2f} ms")


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1e6


if __name__ == "__main__":
    main()
