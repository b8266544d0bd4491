"""Units that several rooms count in: microseconds, as in every timestamp, millionths of bits, and bytes."""

MILLISECOND = 1_000
SECOND = 1_000 * MILLISECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
GIB = 1 << 30
MICROBITS = 1_000_000
"""Bits of evidence cross rooms as whole millionths, so that their sums do not depend on the order of adding."""
