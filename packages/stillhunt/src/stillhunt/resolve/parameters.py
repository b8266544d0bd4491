"""Parameters of the step from groups to candidate campaigns."""

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters


class CandidateParameters(NamedTuple):
    """Candidates."""

    min_fold_jaccard: float
    min_shared_accounts: float
    max_mix_correlation: float


CANDIDATE_PARAMETERS = read_parameters(CandidateParameters, "resolve.candidates")
