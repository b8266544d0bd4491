"""From an alert to the right decision on the demo: act, watch and dismiss, by mouse and by keyboard alone.

    python benchmarks/console/walk.py          two minutes; needs Chromium and playwright

`stillhunt demo --serve` is started in an empty folder. For each case the page that an alert links to is opened; what a
reader needs for the decision must stand on it (the words of `SIGNS`). Then its requests are looked at (by mouse; by
keys, the decision alone is counted), and it is decided as the truth of the world calls right. Presses are clicks, or
keys where several are held as one; characters of a note are not counted, Back is. Seconds are those from the first
request to the page that says what was done: what the machine takes, since a script reads nothing. Those of the server
are from each request for a page to the end of its answer.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))
from served import free_port

from stillhunt.triage import Case

CHROMIUM = "/usr/bin/chromium"
SIGNS = {
    "act": ("If I act now", "Ask for proof."),
    "watch": ("If I act now", "Watch, or ask for proof of a part."),
    "dismiss": ("If I act now", "dismiss them if it is one customer", "one after another"),
}
"""Words of the first screen and of the findings, by what is right."""
SERVED = (
    "() => { const [page] = performance.getEntriesByType('navigation'); return page.responseEnd - page.requestStart; }"
)
NOTE = "I read the findings and ten requests."


@dataclass
class Hand:
    """What decides on a page, and how often it pressed something.

    Attributes:
        by_keys: with keys alone.
        presses: clicks or keys so far.
        loads, served: pages so far, and the milliseconds that the server took for them.
    """

    page: Page
    by_keys: bool
    presses: int = field(default=0)
    loads: int = field(default=0)
    served: float = field(default=0.0)

    def count_page(self) -> None:
        """Count the page that is open now."""
        self.loads += 1
        self.served += self.page.evaluate(SERVED)

    def key(self, name: str) -> None:
        """Press a key."""
        self.presses += 1
        self.page.keyboard.press(name)

    def press(self, part: Any) -> None:
        """Press a button: by a click, or by Tab until it has the focus, and Enter."""
        if not self.by_keys:
            self.presses += 1
            part.click()
            return
        wanted = part.element_handle()
        while not self.page.evaluate("(part) => document.activeElement === part", wanted):
            self.key("Tab")
        self.key("Enter")

    def begin(self, key: str) -> Any:
        """Open the form of a decision, by its key or by the button that opens all three."""
        if self.by_keys:
            self.key(key)
        else:
            self.press(self.page.locator(".deciding > summary").first)
        return self.page.locator({"1": "#act", "2": "#watch", "3": "#dismiss"}[key])

    def write(self, part: Any, text: str) -> None:
        """Type into a field."""
        if self.by_keys:
            wanted = part.element_handle()
            while not self.page.evaluate("(part) => document.activeElement === part", wanted):
                self.key("Tab")
        else:
            self.press(part)
        part.fill(text)


def read_requests(hand: Hand) -> None:
    """Look at the requests of the campaign that is shown, and come back."""
    here = hand.page.url
    hand.press(hand.page.locator("main a[href*='/requests']").first)
    hand.page.wait_for_url("**/requests**")
    hand.count_page()
    hand.presses += 1
    hand.page.go_back()
    hand.page.wait_for_url(here)
    hand.count_page()


def decide(hand: Hand, right: str) -> None:
    """Decide on the campaign that is shown."""
    page = hand.page
    if right == "act":
        form = hand.begin("1")
        hand.press(form.get_by_role("button", name="Act"))
        page.locator("h1", has_text="for 30 days?").wait_for()
        hand.count_page()
        if hand.by_keys:
            hand.key("e")
            hand.key("Enter")
        else:
            hand.press(page.get_by_role("button", name="Do it"))
    elif right == "watch":
        form = hand.begin("2")
        hand.write(form.get_by_label("Look again on"), (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%d"))
        hand.press(form.get_by_role("button", name="Watch"))
    else:
        form = hand.begin("3")
        hand.presses += 1
        form.get_by_label("Reason").select_option("other")
        hand.write(form.get_by_label("What you saw"), NOTE)
        hand.press(form.get_by_role("button", name="Dismiss"))
    page.locator("[data-done]").wait_for()
    hand.count_page()


def right_decisions(folder: Path) -> dict[str, str]:
    """Campaign of the demo -> what is right: act or watch for an operation, by its verdict, and dismiss for others."""
    case = Case.read(folder / "case")
    truth = pq.read_table(folder / "world" / "truth" / "accounts.parquet").to_pylist()
    harvests = {row["account_id"]: bool(row["campaign"]) for row in truth}
    votes: dict[str, Counter[bool]] = {}
    for row in case.members.to_pylist():
        votes.setdefault(row["campaign_id"], Counter())[harvests[row["account_id"]]] += 1
    return {
        row["campaign_id"]: ("act" if row["verdict"] == "act" else "watch")
        if votes[row["campaign_id"]][True]
        else "dismiss"
        for row in case.campaigns.to_pylist()
        if row["verdict"] != "none"
    }


def main() -> int:
    """Walk, and print; the exit code."""
    with tempfile.TemporaryDirectory() as made, sync_playwright() as play:
        folder, listen = Path(made) / "demo", f"127.0.0.1:{free_port()}"
        words = [
            sys.executable,
            "-m",
            "stillhunt",
            "demo",
            "--serve",
            "--quiet",
            "--listen",
            listen,
            "--out",
            str(folder),
        ]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as served:
            try:
                address = next(one[0] for line in served.stderr or () if (one := re.findall(r"http://\S+", line)))
                browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                walk(browser.new_page(viewport={"width": 1280, "height": 860}), address, right_decisions(folder))
            finally:
                served.terminate()
    return 0


def walk(page: Page, address: str, right: dict[str, str]) -> None:
    """Decide each campaign once by mouse and, after an undo, once by keyboard; print presses and seconds."""
    page.goto(address)
    root = address.partition("/?")[0]
    if set(right.values()) != {"act", "watch", "dismiss"}:
        sys.exit(f"the demo has not one case of each kind: {right}")
    for campaign, answer in right.items():
        for by_keys in (False, True):
            hand, began = Hand(page, by_keys), time.perf_counter()
            page.goto(f"{root}/campaigns/{campaign}")
            hand.count_page()
            shown = page.locator("main").inner_text()
            missing = [words for words in SIGNS[answer] if words not in shown]
            if missing:
                sys.exit(f"{campaign}, to {answer}: its page does not say {missing}")
            if not by_keys:
                read_requests(hand)
            decide(hand, answer)
            took, how = time.perf_counter() - began, "keys" if by_keys else "mouse"
            counts = f"{hand.presses:3} presses  {hand.loads} pages  {hand.served / 1000:.2f} s of the server"
            print(f"{campaign}  {answer:8} {how:6} {counts}  {took:.1f} s")
            page.get_by_role("button", name="Undo the latest change").click()
            page.locator("dialog.confirm").get_by_role("button", name="Undo the latest change").click()
            page.locator("[data-done]", has_text="undone").wait_for()


if __name__ == "__main__":
    sys.exit(main())
