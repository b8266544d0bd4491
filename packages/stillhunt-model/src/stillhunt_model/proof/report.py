"""proof.json: what was asked, what came of it, and what that does not show; without prompts and answers."""

from collections.abc import Sequence

from stillhunt.tools import formatting
from stillhunt_evidence.packs.manifest import as_plain_json
from stillhunt_evidence.packs.proof_file import (
    PROOF_VERSION,
    ProofDocument,
    ProofModel,
    ProofTestRow,
    ProvedCampaign,
)
from stillhunt_evidence.pages.trained_models import NOT_SHOWN_BY_TRAINING, about_p_value
from stillhunt_model.proof.proving import ProofContext, ProvenCampaign, strongest
from stillhunt_model.proof.suspects import Suspect
from stillhunt_model.proof.verdict import SMALLEST_P, TEST_WEIGHTS, ProofResult
from stillhunt_model.tasks.harvest_texts import texts_digest

_TEXT_CHARS = 600


def proof_document(suspect: Suspect, proven: Sequence[ProvenCampaign], context: ProofContext) -> ProofDocument:
    """What proof.json says."""
    first = strongest(proven)
    return ProofDocument(
        version=PROOF_VERSION,
        suspect=_build_proof_model(suspect.name, suspect.fingerprint),
        teacher=_build_proof_model(context.teacher.name, context.teacher_fingerprint),
        references=[_build_proof_model(one.name, one.fingerprint) for one in context.references],
        alpha=context.config.model.alpha,
        pairs=first.place.pairs,
        queries=suspect.budget.most,
        asked=suspect.asked,
        seed=context.seed,
        named=first.harvest.campaign_id if first.verdict.concludes else "",
        campaigns=[_build_proved_campaign(one) for one in proven],
        about=list(about_p_value(first.place.pairs, context.config.model.alpha)),
        not_shown=list(NOT_SHOWN_BY_TRAINING),
    )


def proof_bytes(document: ProofDocument) -> bytes:
    """The file: JSON with sorted names, the same bytes for the same result."""
    return as_plain_json(document.as_plain())


def _build_proof_model(name: str, fingerprint: str) -> ProofModel:
    return ProofModel(formatting.shorten(name, _TEXT_CHARS), fingerprint)


def _build_proved_campaign(one: ProvenCampaign) -> ProvedCampaign:
    return ProvedCampaign(
        campaign_id=one.harvest.campaign_id,
        verdict=one.verdict.verdict,
        p=one.verdict.p,
        corrected=one.verdict.corrected,
        place=one.place.number,
        register_line=one.place.line_hash,
        answers=len(one.harvest.answers),
        answers_sha256=texts_digest(one.harvest.answers),
        honest=len(one.harvest.honest),
        honest_sha256=texts_digest(one.harvest.honest),
        requests=one.harvest.requests,
        requests_sha256=one.harvest.requests_sha256,
        tests=[_build_proof_test_row(result) for result in one.results],
    )


def _build_proof_test_row(result: ProofResult) -> ProofTestRow:
    return ProofTestRow(
        name=result.name,
        weight=TEST_WEIGHTS[result.name],
        p=max(result.p, SMALLEST_P),
        statistic=result.statistic,
        used=result.used,
        queries=result.queries,
        note=formatting.shorten(result.note, _TEXT_CHARS),
        power=formatting.shorten(result.power, _TEXT_CHARS),
    )
