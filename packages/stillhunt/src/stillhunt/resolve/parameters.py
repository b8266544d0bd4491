"""Parameters of the step from groups to candidate campaigns."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import judgement, measured, parameter, parameter_table, values_of


@parameter_table("resolve.candidates", "When groups are one candidate, and candidates one campaign.")
@dataclass(frozen=True)
class CandidateParameters:
    """Candidates."""

    min_fold_jaccard: float = parameter(
        0.47,
        unit="Jaccard index",
        meaning="Overlap of the slices that the two folds found from which they are one group.",
        provenance=judgement("about half of either; not round, so that few pairs hit it exactly"),
    )
    min_shared_accounts: float = parameter(
        0.5,
        unit="share of accounts",
        meaning="Share of the smaller set of accounts that two candidates must have in common to be compared at all.",
        provenance=judgement("candidates of one queue have most accounts in common"),
    )
    max_mix_correlation: float = parameter(
        0.12,
        unit="intra-class correlation",
        meaning="Correlation of the accounts' mix of two candidates up to which one work queue feeds both.",
        provenance=measured(
            "skills drawn from one queue give about 0, leased in batches 0.05; two labs on one pool 0.4 and more, "
            "because each account serves one lab, the other, or both"
        ),
    )


CANDIDATE_PARAMETERS = values_of(CandidateParameters)
