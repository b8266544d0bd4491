"""Answers that end at the limit which the client set: whole answers are wanted, and as many as possible."""

from stillhunt import plugins
from stillhunt.tools import judgement

HONEST, HARVEST, PART = plugins.BetaPrior(0.05, 2.0), plugins.BetaPrior(0.3, 4.0), 0.3


def weigh(kind: plugins.EvidenceKind, case: plugins.CandidateCase) -> plugins.Finding | None:
    """The share of cut answers of a candidate group, in bits."""
    requests, rows = case.log.requests, case.candidate.rows
    answered, limit = requests.numbers("output_tokens", rows), requests.numbers("max_tokens", rows)
    limited = (answered >= 0) & (limit > 0)
    if not limited.any():
        return None  # the columns are missing: nothing is said, and nothing held against anybody
    cut = limited & (answered >= limit)
    hits, trials = int(cut.sum()), int(limited.sum())
    bits = plugins.part_bits(plugins.share_ratio(hits, trials, HONEST, HARVEST), PART)
    return kind.finding(bits, {"share": hits / trials}, rows=rows[cut], count=hits)


PLUGIN = plugins.EvidenceKind(
    name="cut-answers",
    family="conduct",
    measures="answers that end at the limit which the client set",
    null=plugins.Null("honest groups, as guessed; nobody has measured it", judgement("a guess")),
    columns=(
        plugins.NeededColumn("max_tokens", "limits of answers", enough=False),
        plugins.NeededColumn("output_tokens", "lengths of answers", enough=False),
    ),
    calls="any",
    most_bits=2.0,
    least_bits=plugins.least_bits(PART),
    wording=plugins.Wording(
        "{share:%} of its answers end at the limit that the client set",
        "Only {share:%} of its answers end at the limit that the client set",
        "The log has no limits of answers",
    ),
    members=None,
    weigh=weigh,
)
