"""Units that several rooms count in."""

from __future__ import annotations

MICROSECONDS_PER_DAY = 86_400_000_000
"""Timestamps are microseconds."""

MICROBITS = 1_000_000
"""Bits of evidence cross rooms as whole millionths, so that their sums do not depend on the order of adding."""
