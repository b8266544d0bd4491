#!/usr/bin/env bash
# Run the README's example and put some lines of its real output between the transcript marks; called by `make transcript`.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export PATH="$root/.venv/bin:$PATH"
stillhunt demo 2>/dev/null > shown

python - "$root/README.md" shown <<'PYTHON'
"""The first campaign with its strongest evidence for and against, the heads of the others, and the comparison."""
import sys
import textwrap
from pathlib import Path

KEPT = ("Evidence", "verdict", "act ", "review ", "         taken", "         why", "         against", "Compared")
WIDTH = 110
readme, shown = Path(sys.argv[1]), Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
kept, heads = [], 0
for line in shown:
    heads += line.startswith(("act ", "review "))
    if line.startswith(KEPT) and not (heads > 1 and line.startswith(" ")):
        kept += ["..."] if line.startswith("Compared") else []
        kept += textwrap.wrap(line, WIDTH, subsequent_indent=" " * 20 * line.startswith(" "), drop_whitespace=True)
begin, end = "<!-- transcript: made by docs/transcript.sh -->\n", "<!-- /transcript -->"
before, _, rest = readme.read_text(encoding="utf-8").partition(begin)
_, _, after = rest.partition(end)
if not rest or not after:
    sys.exit("README.md has no transcript marks")
block = "\n".join(["```console", "$ stillhunt demo", *kept, "```", ""])
readme.write_text(before + begin + block + end + after, encoding="utf-8")
PYTHON
