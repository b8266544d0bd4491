"""How a verdict follows from evidence: to judge a campaign again from a case, and to say what the verdict rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillhunt._facade import offer_names

if TYPE_CHECKING:
    from stillhunt.base.config import FamilyCaps, ScoreSettings
    from stillhunt.base.explanations import EXPLANATION_OF, HonestExplanation, odds_against_all
    from stillhunt.base.families import FAMILY_OF, LIMIT_FAMILIES, OTHERS, SIGN_KINDS
    from stillhunt.base.plugin_groups import EVIDENCE_PLUGINS, plugins_named
    from stillhunt.base.schema_case import POSING_OPERATION
    from stillhunt.score import RebuiltVerdict, expected_false, rebuild_verdict, verdict_differences, verdict_parameters
    from stillhunt.score.evidence.catalogue import all_kinds
    from stillhunt.score.evidence.finding import Finding
    from stillhunt.score.operators.tie_kinds import P as TIES
    from stillhunt.score.stats.beta_binomial import BetaPrior
    from stillhunt.score.verdict.budget import HONEST_SEARCH
    from stillhunt.score.verdict.caps import capped
    from stillhunt.score.verdict.explanations import WeighedExplanation, weigh_explanations
else:
    __all__, __getattr__ = offer_names(__file__, __name__)
