"""The rules of the verdict again, for readers that know no room that detects: what they would say of other evidence."""

from __future__ import annotations

from stillhunt.score.rebuild import RebuiltVerdict, rebuild_verdict

__all__ = ["RebuiltVerdict", "rebuild_verdict"]
