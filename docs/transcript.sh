#!/usr/bin/env bash
# Run the README's example and put its real output between the transcript marks; called by `make transcript`.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
EXPLAIN_LINES=32
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export PATH="$root/.venv/bin:$PATH"

run() {
    printf '$ %s\n' "$*"
    "$@" 2>/dev/null
    printf '\n'
}

{
    printf '```console\n'
    run stillhunt demo
    campaign=$(python -c '
import pyarrow.parquet as pq
print(pq.read_table("stillhunt-demo/case/campaigns.parquet").column("campaign_id")[0])')
    run stillhunt explain stillhunt-demo/case "$campaign" > explained
    sed -n "1,${EXPLAIN_LINES}p" explained
    if [ "$(wc -l < explained)" -gt "$EXPLAIN_LINES" ]; then printf '...\n'; fi
    printf '```\n'
} > transcript.md

python - "$root/README.md" transcript.md <<'PYTHON'
import sys
from pathlib import Path

readme, transcript = Path(sys.argv[1]), Path(sys.argv[2]).read_text(encoding="utf-8")
begin, end = "<!-- transcript: made by docs/transcript.sh -->\n", "<!-- /transcript -->"
before, _, rest = readme.read_text(encoding="utf-8").partition(begin)
_, _, after = rest.partition(end)
if not rest or not after:
    sys.exit("README.md has no transcript marks")
readme.write_text(before + begin + transcript + end + after, encoding="utf-8")
PYTHON
