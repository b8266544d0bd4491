"""Numbers of early signs."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import judgement, parameter, parameter_table, values_of


@parameter_table("watch.early_signs", "What raises a case before there is enough for a verdict.")
@dataclass(frozen=True)
class EarlySignParameters:
    """When something is an early sign."""

    attempt_hours: int = parameter(
        48,
        unit="hours",
        meaning="Stretch in which different attempts to extract hidden text are counted.",
        provenance=judgement("a phase of probing is short; researchers try a few attempts on many days"),
    )
    least_attempts: int = parameter(
        200,
        unit="attempts",
        meaning="Different attempts of one account or group in that stretch.",
        provenance=judgement("ten times the 18 of the busiest researcher of one honest world"),
    )
    burst_hours: int = parameter(
        24,
        unit="hours",
        meaning="Length of a burst on a model.",
        provenance=judgement("campaigns were seen to move within a day"),
    )
    least_burst: int = parameter(
        100,
        unit="requests",
        meaning="Requests of a burst.",
        provenance=judgement("fewer are no harvest yet"),
    )
    burst_ratio: float = parameter(
        20.0,
        unit="times",
        meaning="Requests of a burst over those of the probe before it.",
        provenance=judgement("a probe is a small part; a slow take-up is not"),
    )
    probe_accounts: float = parameter(
        0.25,
        unit="share",
        meaning="Most accounts of the group that take part in the probe.",
        provenance=judgement("a few scouts; where all try a model for themselves, nobody probes for the others"),
    )
    least_members: int = parameter(
        4,
        unit="accounts",
        meaning="Members of a group that use a model for the first time within the burst.",
        provenance=judgement("few tell nothing, as with the evidence from new models"),
    )
    hours_before: int = parameter(
        48,
        unit="hours",
        meaning="How long a group must have been at work before its first use of a model, for that to tell anything.",
        provenance=judgement("a log that has just begun shows everybody's first use of every model"),
    )
    usual_strength: float = parameter(
        2.5,
        unit="strength",
        meaning="Strength of the beta distribution of honest groups around the comparison accounts' share.",
        provenance=judgement("as score.new_model_adoption: users of one framework move when it does"),
    )
    moved: tuple[float, float] = parameter(
        (0.6, 4.0),
        unit="share, strength",
        meaning="Beta distribution of the share of an operation's accounts that move together: its mean and strength.",
        provenance=judgement("as score.new_model_adoption: reports of campaigns speak of nearly half of the traffic"),
    )
    least_bits: float = parameter(
        2.0,
        unit="bits",
        meaning="Bits from which accounts that take up a model together are a sign.",
        provenance=judgement("four times as likely for an operation as for honest groups"),
    )
    most_questions: int = parameter(
        64,
        unit="bursts",
        meaning="Bursts that are compared with other accounts at a hunt, and models of a group, the busiest first.",
        provenance=judgement("bounds what hostile names of models can cost"),
    )
    most_signs: int = parameter(
        200,
        unit="signs",
        meaning="Signs that are kept at a hunt, those of most accounts first.",
        provenance=judgement("more cannot be read; bounds what hostile traffic can cost"),
    )


EARLY = values_of(EarlySignParameters)
