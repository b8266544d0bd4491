"""`make attack`: hostile bodies, framing, fields and logs against what this project serves and reads."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from trials import main

sys.exit(main(Path(__file__).parent))
