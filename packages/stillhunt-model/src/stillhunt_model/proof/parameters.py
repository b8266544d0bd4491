"""The numbers on which a proof of training rests."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.tools import judgement, parameter, parameter_table, values_of


@parameter_table("model.proof", "How `model prove` combines its tests, and how it asks an endpoint.")
@dataclass(frozen=True)
class ProofParameters:
    """Parameters of a proof of training."""

    unlike: float = parameter(
        0.01,
        unit="1",
        meaning="Two-sided p-value below which the teacher itself tells harvested answers from its control answers; "
        "then the test of control answers does not run.",
        provenance=judgement("of a hundred harvests that were drawn alike, one is lost"),
    )
    honest: float = parameter(
        0.01,
        unit="1",
        meaning="p-value below which a suspect prefers logged answers to honest accounts to control answers, too; then "
        "the test of control answers does not count.",
        provenance=judgement(
            "of a hundred true findings one is lost; with as many honest answers as harvested ones, another version "
            "of the teacher that differs just enough to accuse passes in 2 of 1,000 (derived, with normal statistics)"
        ),
    )
    ends: float = parameter(
        0.8,
        unit="1",
        meaning="Answers to honest accounts that must have ended by themselves, as a part of the harvested ones that "
        "did, for whole texts to be compared.",
        provenance=judgement(
            "what only the ends of logged answers have is then seen in both; with none, an innocent had p = 1e-8"
        ),
    )
    marked: float = parameter(
        1e-6,
        unit="1",
        meaning="p-value of a mark in the harvested answers, up to which their control answers are marked, too.",
        provenance=judgement(
            "benchmarks/model/mark_cost.py: 1,000 tokens that are marked have less than 1e-15; a mixture is caught by "
            "`unlike`"
        ),
    )
    least_temperature: float = parameter(
        0.3,
        unit="1",
        meaning="Least temperature of a harvested answer that is compared with control answers.",
        provenance=judgement("nearer to 0 the answers to a prompt are one, and an innocent had p = 3e-20 at 0"),
    )
    kept_wordings: float = parameter(
        0.95,
        unit="1",
        meaning="Share of wordings of the key from which harvested answers count as having its canaries.",
        provenance=judgement("without canaries it is 0.5; a few wordings may be older than the order"),
    )
    most_answers: int = parameter(
        1000,
        unit="answers",
        meaning="Most harvested answers that are compared with control answers.",
        provenance=judgement("more say little, and the exact tail of 2,000 answers took 7 s"),
    )
    most_controls: int = parameter(
        9,
        unit="answers",
        meaning="Most control answers to one harvested answer.",
        provenance=judgement("with ten answers, nine in place of one lower p a thousandfold on drawn values (a test)"),
    )
    tries: int = parameter(
        4,
        unit="requests",
        meaning="How often one query is sent to an endpoint that is busy, fails or answers with something else.",
        provenance=judgement("outages of some seconds pass; each try counts against the budget"),
    )
    first_pause: float = parameter(
        1.0,
        unit="seconds",
        meaning="Pause before the second try; it doubles each time.",
        provenance=judgement("as clients of such services do"),
    )
    longest_pause: float = parameter(
        60.0,
        unit="seconds",
        meaning="Longest pause that an endpoint can ask for.",
        provenance=judgement("limits of services are by the minute"),
    )
    patience: float = parameter(
        120.0,
        unit="seconds",
        meaning="How long an endpoint may take for one query, from its first byte to its last.",
        provenance=judgement("a long answer of a large model takes a minute"),
    )
    connections: int = parameter(
        4,
        unit="requests",
        meaning="Requests to an endpoint that are under way together.",
        provenance=judgement("little enough not to be a load"),
    )
    most_answer_bytes: int = parameter(
        8 << 20,
        unit="bytes",
        meaning="Longest answer of an endpoint that is read.",
        provenance=judgement("32,768 tokens with their log-probabilities take some 3 MB"),
    )


@parameter_table("model.asking", "What a suspect is asked.")
@dataclass(frozen=True)
class AskingParameters:
    """Parameters of the questions."""

    stride: int = parameter(
        4,
        unit="words",
        meaning="Words between two beginnings of one answer.",
        provenance=judgement("a continuation of some words ends where the next one begins: little is asked twice"),
    )
    span: int = parameter(
        8,
        unit="tokens",
        meaning="Tokens of a continuation.",
        provenance=judgement("some words: as far as the next beginning"),
    )
    whole_span: int = parameter(
        96,
        unit="tokens",
        meaning="Tokens of an answer where the suspect cannot continue a beginning, as at chat endpoints.",
        provenance=judgement("a short paragraph"),
    )


P = values_of(ProofParameters)
"""Parameters of the proof."""
ASKING = values_of(AskingParameters)
