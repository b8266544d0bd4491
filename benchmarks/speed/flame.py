"""Where the processor time of a hunt goes, as a flame picture: an SVG, and its stacks as text for other tools.

    python benchmarks/speed/flame.py LOG --svg flame.svg --stacks flame.txt

LOG holds requests/*.parquet and perhaps accounts.parquet. The hunt runs in this process, and a thread looks at others
some hundred times a second. A stack counts by the processor time that its thread has used since the last look,
not by the looks, so other programs on the machine do not move the picture. Code that does not let go of the interpreter
is counted when it does, for the line that called it. What a thread uses after the last look, some 5 %, is not seen.
"""

from __future__ import annotations

import argparse
import collections
import html
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType

from processes import request_files

EVERY = 0.01
"""Seconds between looks."""
WIDTH, ROW, LEAST = 1000, 15, 4.0
"""Of the picture, pixels; frames narrower than the last are left out."""
PACKAGE = "stillhunt/"


class CpuSampler(threading.Thread):
    """Adds up processor time by stack, of all threads but itself, until `stop`."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="sampler")
        self.seconds: dict[tuple[str, ...], float] = collections.defaultdict(float)
        self._ended = threading.Event()
        self._used: dict[int, float] = {}

    def run(self) -> None:
        """Look until it is stopped."""
        while not self._ended.wait(EVERY):
            self._look()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()

    def _look(self) -> None:
        living = {thread.ident for thread in threading.enumerate()} - {self.ident}
        for ident, frame in sys._current_frames().items():
            if ident in living:
                used = time.clock_gettime(time.pthread_getcpuclockid(ident))
                spent, self._used[ident] = used - self._used.get(ident, 0.0), used
                if spent > 0.0:
                    self.seconds[stack_of(frame)] += spent


def stack_of(frame: FrameType | None) -> tuple[str, ...]:
    """Functions of a stack, the outermost first; those of other packages as one, by the name of the package."""
    names: list[str] = []
    while frame is not None:
        path, name = frame.f_code.co_filename, frame.f_code.co_qualname
        ours = path.rpartition("/src/stillhunt/")[2] if "/src/stillhunt/" in path else ""
        foreign = path.rpartition("site-packages/")[2].split("/")[0] if "site-packages/" in path else "python"
        word = f"{ours.removesuffix('.py')}.{name}" if ours else foreign
        if not names or names[-1] != word:
            names.append(word)
        frame = frame.f_back
    return tuple(reversed(names))


def draw(seconds: dict[tuple[str, ...], float], title: str) -> str:
    """The picture: width is processor time, calls stand above their callers, in order of time."""
    total = sum(seconds.values())
    parts: list[str] = []
    deepest = 0

    def place(stacks: list[tuple[tuple[str, ...], float]], depth: int, left: float) -> None:
        nonlocal deepest
        by_name: dict[str, list[tuple[tuple[str, ...], float]]] = collections.defaultdict(list)
        for stack, spent in stacks:
            if len(stack) > depth:
                by_name[stack[depth]].append((stack, spent))
        for name, inner in sorted(by_name.items(), key=lambda one: -sum(spent for _, spent in one[1])):
            whole = sum(one for _, one in inner)
            width = WIDTH * whole / total
            if width < LEAST:
                continue
            deepest = max(deepest, depth)
            label = html.escape(name)
            shown = html.escape(name.rpartition(".")[2][: max(0, int(width / 6.2))]) if width > 20 else ""
            colour = f"hsl({sum(map(ord, name)) % 40 + 10},70%,{62 + sum(map(ord, name)) % 12}%)"
            parts.append(
                f'<g><title>{label}: {whole:.2f} s, {whole / total:.1%}</title><rect x="{left:.1f}" y="{depth * ROW}" '
                f'width="{width:.1f}" height="{ROW - 1}" fill="{colour}"/><text x="{left + 2:.1f}" '
                f'y="{depth * ROW + 11}">{shown}</text></g>'
            )
            place(inner, depth + 1, left)
            left += width

    place(list(seconds.items()), 0, 0.0)
    height = (deepest + 1) * ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -20 {WIDTH} {height + 20}" font-size="10" '
        f'font-family="monospace"><text y="-6">{html.escape(title)}</text>' + "\n".join(parts) + "</svg>\n"
    )


def main() -> int:
    """Hunt with a sampler beside it, and write what it saw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--stacks", type=Path)
    arguments = parser.parse_args()
    sampler = CpuSampler()
    sampler.start()
    from stillhunt.cli.start import main as command  # late: its imports are to be seen

    parts, accounts = request_files(arguments.log)
    with tempfile.TemporaryDirectory() as scratch:
        words = ["stillhunt", "hunt", *map(str, parts), "--out", f"{scratch}/case", "--quiet"]
        sys.argv = [*words, *([] if accounts is None else ["--accounts", str(accounts)])]
        try:
            command()
        except SystemExit as end:
            print(f"exit code {end.code}")
    sampler.stop()
    used = time.process_time()
    title = (
        f"stillhunt hunt {arguments.log.name}: {used:.1f} s of processor time, {sum(sampler.seconds.values()):.1f} seen"
    )
    print(title)
    if arguments.svg:
        arguments.svg.write_text(draw(sampler.seconds, title), "utf-8")
    if arguments.stacks:
        lines = (f"{';'.join(stack)} {round(1000 * spent)}\n" for stack, spent in sorted(sampler.seconds.items()))
        arguments.stacks.write_text("".join(lines), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
