"""Results of `model prove` about the campaigns of the hunted world, whose numbers follow."""

from __future__ import annotations

import dataclasses
from typing import Any

from evidence.hunted import campaigns, case_folder
from stillhunt_evidence.packs.contents import harvest_digest
from stillhunt_evidence.packs.proof_file import (
    CONTROLS_TEST,
    MARKS_TEST,
    NO_CONCLUSION,
    TRAINED,
    ProofDocument,
    ProofModel,
    ProofTestRow,
    ProvedCampaign,
    combined_p,
)
from stillhunt_evidence.pages.trained_models import NOT_SHOWN_BY_TRAINING, about_p_value

ALPHA, PAIRS = 1e-5, 1000


def campaign_of(place: int, p: float) -> ProvedCampaign:
    """What came of one campaign, of whose tests one gave this p-value."""
    name = campaigns()[place]
    harvest = harvest_digest(case_folder(), name)
    both = combined_p({MARKS_TEST: (p, 0.4), CONTROLS_TEST: (1.0, 0.4)})
    corrected = min(1.0, both * PAIRS)
    return ProvedCampaign(
        campaign_id=name,
        verdict=TRAINED if corrected <= ALPHA else NO_CONCLUSION,
        p=both,
        corrected=corrected,
        place=place + 1,
        register_line="a" * 64,
        answers=40,
        answers_sha256="b" * 64,
        honest=40,
        honest_sha256="e" * 64,
        requests=harvest["requests"],
        requests_sha256=harvest["sha256"],
        tests=[
            ProofTestRow(MARKS_TEST, 0.4, p, 0.61, 900, 120, "61 % of tokens", "it sees 2 % of the training data"),
            ProofTestRow(CONTROLS_TEST, 0.4, 1.0, 0.0, 0, 0, "nothing can be drawn again", ""),
        ],
    )


def proof_of(*ps: float, **changes: Any) -> ProofDocument:
    """A result about the strongest campaigns, with a p-value for each."""
    found = [campaign_of(place, p) for place, p in enumerate(ps)]
    named = [one.campaign_id for one in found if one.verdict == TRAINED]
    whole = ProofDocument(
        version=1,
        suspect=ProofModel("their-model at https://their.example/v1", "c" * 64),
        teacher=ProofModel("ours", "d" * 64),
        references=[],
        alpha=ALPHA,
        pairs=PAIRS,
        queries=2000,
        asked=240,
        seed=0,
        named=named[0] if named else "",
        campaigns=found,
        about=list(about_p_value(PAIRS, ALPHA)),
        not_shown=list(NOT_SHOWN_BY_TRAINING),
    )
    return dataclasses.replace(whole, **changes)
