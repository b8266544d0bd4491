"""How long the sender of alerts waits, and when it gives up."""

from typing import NamedTuple


class SendingLimits(NamedTuple):
    """How alerts are sent, and sent again."""

    # Wait before an alert that could not be sent is tried again; it doubles with every try (a receiver that restarts is
    # back in seconds)
    first_wait: float = 5.0
    # Longest wait between two tries (a receiver that is back after a night is told within the hour)
    longest_wait: float = 3600.0
    # Tries after which an alert is given up for one receiver (derived: 5 s doubled 10 times, and then an hour each:
    # three days, so a weekend is bridged)
    most_tries: int = 80
    # How long a receiver may take to connect, and for each answer (receivers answer in less than a second; the next try
    # comes soon)
    timeout: float = 10.0
    # How often the outbox is looked at; an alert waits for this long at most (one indexed read a second costs nothing)
    poll: float = 1.0
    # Alerts that are read from the outbox at a time (bounds memory; what is left over comes in the next second)
    at_once: int = 50
    # How long a fault of the service lasts before it is an alert, and is away before it counts as over (a database that
    # restarts is back in seconds, and whoever is woken should find the fault)
    fault_lasts: float = 10.0
    # Time after an alert about a fault in which the same fault, if it comes again, is no new alert (a fault that comes
    # and goes is told four times an hour, and never forgotten)
    fault_quiet: float = 900.0


LIMITS_OF_SENDING = SendingLimits()
