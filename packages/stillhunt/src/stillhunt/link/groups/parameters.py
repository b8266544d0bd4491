"""Parameters of the search for groups: slices of one content cluster that were drawn from one work queue.

Their values are compiled into the kernels of this folder; `base/compiled.py` says how a moved value reaches them.
"""

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters

# Distinct prompts on the searched fold from which a slice can be a member (one prompt shows no mixture)
MIN_SLICE_PROMPTS = 2


class GroupParameters(NamedTuple):
    """Groups of slices."""

    phrase_correlation: float
    topic_concentrations: tuple[float, ...]
    topic_weights: tuple[float, ...]
    forming_cap_bits: float


GROUP_PARAMETERS = read_parameters(GroupParameters, "link.groups")
