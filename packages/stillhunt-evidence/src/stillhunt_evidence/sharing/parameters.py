"""Numbers that decide what may leave, and how much weight a receiver should give to it."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.tools import derived, judgement, parameter, parameter_table, values_of


@parameter_table("dossier.sharing", "What a shared file may hold, and how sure its indicators are.")
@dataclass(frozen=True)
class SharingParameters:
    """Limits of what is shared."""

    least_accounts: int = parameter(
        5,
        unit="accounts",
        meaning="Accounts that must share a value (client, network, country, settings, phrase) before it is shared.",
        provenance=judgement("a value of one customer may name them; statistical offices publish cells of 3 to 10"),
    )
    address_accounts: int = parameter(
        2,
        unit="accounts",
        meaning="Accounts that must use an address or network before its keyed hash is shared.",
        provenance=judgement("what one account uses may be a home, and who has the key can try every IPv4 address"),
    )
    most_values: int = parameter(
        20,
        unit="values",
        meaning="Most values of one aspect, the most used first.",
        provenance=judgement("more than a reader looks at; the tail of a campaign's networks is chance"),
    )
    most_addresses: int = parameter(
        1000,
        unit="hashes",
        meaning="Most keyed hashes of addresses, and as many of networks, the most used first.",
        provenance=judgement("17 KB in each list; platforms that take patterns refuse much longer ones"),
    )
    most_phrases: int = parameter(
        2000,
        unit="hashes",
        meaning="Most keyed hashes of phrases, those with the most accounts first.",
        provenance=judgement("a template has tens to hundreds of phrases, and a campaign a few templates"),
    )
    most_event_hashes: int = parameter(
        200,
        unit="hashes",
        meaning="Most keyed hashes of one kind in one event for a SIEM.",
        provenance=judgement("some 40 KB; pipelines cut or refuse events of 256 KB to 1 MB"),
    )
    most_sentences: int = parameter(
        12,
        unit="sentences",
        meaning="Most findings of a campaign, the strongest first.",
        provenance=judgement("beyond them findings weigh less than a bit"),
    )
    value_chars: int = parameter(
        80,
        unit="characters",
        meaning="Longest text of one value.",
        provenance=judgement("names of networks and clients are shorter; a log can hold any text"),
    )
    sentence_chars: int = parameter(
        300,
        unit="characters",
        meaning="Longest sentence of a finding.",
        provenance=judgement("the longest sentence that a kind of evidence makes has some 200"),
    )
    shortest_id: int = parameter(
        6,
        unit="characters",
        meaning="Ids from this length on are hidden wherever they appear in a text that is shared.",
        provenance=judgement("shorter ones are parts of ordinary words and numbers"),
    )
    time_step: int = parameter(
        3600,
        unit="s",
        meaning="First and last times are widened to multiples of it.",
        provenance=judgement("an exact time finds the request in another log; an hour holds thousands"),
    )
    valid_days: int = parameter(
        90,
        unit="days",
        meaning="Days after the last request until an indicator expires.",
        provenance=judgement("addresses and clients change hands; a campaign that goes on is shared again"),
    )
    client_confidence: int = parameter(
        10,
        unit="percent",
        meaning="Most confidence of an indicator that is a client.",
        provenance=judgement("an SDK has many honest users: the lowest step of the STIX scale that is not none"),
    )
    network_confidence: int = parameter(
        20,
        unit="percent",
        meaning="Most confidence of an indicator that is an autonomous system.",
        provenance=judgement("most of its addresses belong to others: low on the STIX scale"),
    )
    address_confidence: int = parameter(
        60,
        unit="percent",
        meaning="Most confidence of an indicator of keyed hashes of addresses.",
        provenance=judgement("carriers and proxies put many people behind one address: medium on the STIX scale"),
    )
    high_confidence: int = parameter(
        70,
        unit="percent",
        meaning="Confidence that OCSF and ECS call high.",
        provenance=derived("STIX 2.1, appendix A: the scale none, low, medium, high"),
    )
    medium_confidence: int = parameter(
        30,
        unit="percent",
        meaning="Confidence that OCSF and ECS call medium.",
        provenance=derived("STIX 2.1, appendix A: the scale none, low, medium, high"),
    )
    phrase_confidence: int = parameter(
        85,
        unit="percent",
        meaning="Most confidence of an indicator of keyed hashes of phrases.",
        provenance=judgement("a template can be copied, and is then used by others: high on the STIX scale"),
    )


P = values_of(SharingParameters)
