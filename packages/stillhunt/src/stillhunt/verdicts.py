"""How a verdict follows from evidence: to judge a campaign again from a case, and to say what the verdict rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillhunt._facade import offer_names

if TYPE_CHECKING:
    from stillhunt.base.config import FamilyCaps
    from stillhunt.plugins.groups import EVIDENCE_PLUGINS, plugins_named
    from stillhunt.score import RebuiltVerdict, expected_false, rebuild_verdict, verdict_differences, verdict_parameters
    from stillhunt.score.evidence.catalogue import all_kinds
    from stillhunt.score.evidence.kind import HonestReadings
    from stillhunt.score.operators.ties import P as TIES
    from stillhunt.score.output.roles import P as ROLES
    from stillhunt.score.stats.beta_binomial import BetaPrior
    from stillhunt.score.verdict.budget import HONEST_SEARCH
else:
    __all__, __getattr__ = offer_names(__file__, __name__)
