"""How long the sender of alerts waits, and when it gives up."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import derived, judgement, parameter, parameter_table, values_of


@parameter_table("watch.alerts", "How alerts are sent, and sent again.")
@dataclass(frozen=True)
class SendingLimits:
    """How alerts are sent, and sent again."""

    first_wait: float = parameter(
        5.0,
        unit="s",
        meaning="Wait before an alert that could not be sent is tried again; it doubles with every try.",
        provenance=judgement("a receiver that restarts is back in seconds"),
    )
    longest_wait: float = parameter(
        3600.0,
        unit="s",
        meaning="Longest wait between two tries.",
        provenance=judgement("a receiver that is back after a night is told within the hour"),
    )
    most_tries: int = parameter(
        80,
        unit="tries",
        meaning="Tries after which an alert is given up for one receiver.",
        provenance=derived("5 s doubled 10 times, and then an hour each: three days, so a weekend is bridged"),
    )
    timeout: float = parameter(
        10.0,
        unit="s",
        meaning="How long a receiver may take to connect, and for each answer.",
        provenance=judgement("receivers answer in less than a second; the next try comes soon"),
    )
    poll: float = parameter(
        1.0,
        unit="s",
        meaning="How often the outbox is looked at; an alert waits for this long at most.",
        provenance=judgement("one indexed read a second costs nothing"),
    )
    at_once: int = parameter(
        50,
        unit="alerts",
        meaning="Alerts that are read from the outbox at a time.",
        provenance=judgement("bounds memory; what is left over comes in the next second"),
    )
    fault_lasts: float = parameter(
        10.0,
        unit="s",
        meaning="How long a fault of the service lasts before it is an alert, and is away before it counts as over.",
        provenance=judgement("a database that restarts is back in seconds, and whoever is woken should find the fault"),
    )
    fault_quiet: float = parameter(
        900.0,
        unit="s",
        meaning="Time after an alert about a fault in which the same fault, if it comes again, is no new alert.",
        provenance=judgement("a fault that comes and goes is told four times an hour, and never forgotten"),
    )


LIMITS_OF_SENDING = values_of(SendingLimits)
