"""Numbers of attribution: how much each kind of mark may weigh, and when an actor is named."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.tools import derived, judgement, measured, parameter, parameter_table, values_of

_CHEAP = judgement("anybody who reads a report about the actor can do it")
_RATE = judgement("high on purpose: a rare value is worth more only where the case or the file shows that it is rare")


@parameter_table("dossier.attribution_marks", "How much the marks of an actor may weigh.")
@dataclass(frozen=True)
class MarkParameters:
    """Parameters of marks."""

    most: float = parameter(
        0.6,
        unit="share",
        meaning="Share of a campaign's accounts, and of its requests, from which a mark covers most of it.",
        provenance=judgement("marks are planted in a part of the accounts; an actor's own are in most"),
    )
    part: float = parameter(
        0.1,
        unit="share",
        meaning="Share of a campaign's accounts from which a mark is in a part of it; below, it is absent.",
        provenance=judgement("one account in ten may belong to somebody else"),
    )
    own_most: float = parameter(
        0.5,
        unit="share",
        meaning="Campaigns of an actor in which a known mark covers most accounts.",
        provenance=judgement("actors change what is known of them"),
    )
    own_part: float = parameter(
        0.2,
        unit="share",
        meaning="Campaigns, of the actor and of others, in which a mark is in a part of the accounts.",
        provenance=judgement("equal for both, so that a mark in a part of the accounts is no evidence"),
    )
    comparison: float = parameter(
        4.0,
        unit="campaigns",
        meaning="Weight of the stated base rate of a value, in campaigns of the case that it counts for.",
        provenance=judgement("a case has few campaigns; four of them outweigh what was stated before"),
    )
    rarest: float = parameter(
        0.25,
        unit="share of the stated rate",
        meaning="Lowest base rate to which the case may bring a stated one.",
        provenance=judgement("the campaigns of one case are no sample of all campaigns"),
    )
    network_rate: float = parameter(
        0.1, unit="share", meaning="Campaigns that mainly use a given hoster or carrier.", provenance=_RATE
    )
    own_network_rate: float = parameter(
        0.02, unit="share", meaning="Campaigns of others in a network that is an actor's own.", provenance=_RATE
    )
    address_rate: float = parameter(
        0.05, unit="share", meaning="Campaigns of others from addresses that an actor used.", provenance=_RATE
    )
    country_rate: float = parameter(
        0.25, unit="share", meaning="Campaigns that mainly send from a given country.", provenance=_RATE
    )
    hours_rate: float = parameter(
        0.3, unit="share", meaning="Campaigns that mainly work in given hours of the day.", provenance=_RATE
    )
    client_rate: float = parameter(
        0.3, unit="share", meaning="Campaigns that mainly use a given client.", provenance=_RATE
    )
    settings_rate: float = parameter(
        0.3, unit="share", meaning="Campaigns that mainly use given sampling settings.", provenance=_RATE
    )
    phrase_rate: float = parameter(
        0.05, unit="share", meaning="Campaigns of others with a text that an actor is known for.", provenance=_RATE
    )
    sign_up_rate: float = parameter(
        0.25, unit="share", meaning="Campaigns whose accounts mainly have a given sign-up value.", provenance=_RATE
    )
    account_rate: float = parameter(
        0.05, unit="share", meaning="Campaigns of others on accounts that an actor used.", provenance=_RATE
    )
    skill_rate: float = parameter(0.3, unit="share", meaning="Campaigns that take a given skill.", provenance=_RATE)
    network_cap: float = parameter(
        3.0, unit="bits", meaning="Most bits of a network that anybody can rent.", provenance=_CHEAP
    )
    own_network_cap: float = parameter(
        4.0,
        unit="bits",
        meaning="Most bits of a network that is the actor's own.",
        provenance=judgement("one such campaign in 16 is thought to come from hosts that somebody broke into"),
    )
    used_network_cap: float = parameter(
        7.0,
        unit="bits",
        meaning="The same where most accounts send from addresses in it that the actor used before.",
        provenance=judgement("who broke into other hosts of that network sends from other addresses"),
    )
    address_cap: float = parameter(
        3.0,
        unit="bits",
        meaning="Most bits of addresses that the actor used before.",
        provenance=judgement("proxy networks let the same addresses to several actors"),
    )
    country_cap: float = parameter(1.5, unit="bits", meaning="Most bits of countries.", provenance=_CHEAP)
    hours_cap: float = parameter(1.5, unit="bits", meaning="Most bits of working hours.", provenance=_CHEAP)
    client_cap: float = parameter(2.0, unit="bits", meaning="Most bits of clients.", provenance=_CHEAP)
    settings_cap: float = parameter(1.5, unit="bits", meaning="Most bits of sampling settings.", provenance=_CHEAP)
    phrase_cap: float = parameter(4.0, unit="bits", meaning="Most bits of known texts.", provenance=_CHEAP)
    sign_up_cap: float = parameter(1.5, unit="bits", meaning="Most bits of a sign-up mark.", provenance=_CHEAP)
    account_cap: float = parameter(
        2.0,
        unit="bits",
        meaning="Most bits of accounts that the actor used before.",
        provenance=judgement("a pool of accounts may serve several actors (docs/adr/0025)"),
    )
    skill_cap: float = parameter(1.0, unit="bits", meaning="Most bits of skills.", provenance=_CHEAP)
    release_cap: float = parameter(
        2.0,
        unit="bits",
        meaning="Most bits of a release that nobody outside knew of while the campaign ran.",
        provenance=measured(
            "one of 200 false flags got a name by chance with 4 bits, benchmarks/evidence/attribution.py, seeds 5001 on"
        ),
    )
    tie_cap: float = parameter(
        8.0,
        unit="bits",
        meaning="Most bits of a tie to a campaign of the actor.",
        provenance=derived("the cap of one kind of a tie between campaigns, table score.ties"),
    )
    loose_tie_cap: float = parameter(
        2.0,
        unit="bits",
        meaning="Most bits of such a tie without a payment instrument or a sign-up network in common.",
        provenance=judgement("clients and schedules can be imitated"),
    )
    cheap_cap: float = parameter(
        6.0,
        unit="bits",
        meaning="Most bits of all marks together that are cheap to plant.",
        provenance=judgement("who plants one plants all: one campaign in 64 is thought to be such a false flag"),
    )
    against_cap: float = parameter(
        1.5,
        unit="bits",
        meaning="Most bits against an actor of one mark that is absent.",
        provenance=judgement("actors change their ways"),
    )
    release_days: float = parameter(
        60.0,
        unit="days",
        meaning="Time after the end of a campaign in which a model trained on it is published.",
        provenance=judgement("training and tests; campaigns in public reports ended weeks before a release"),
    )
    release_share: float = parameter(
        0.5,
        unit="share",
        meaning="Campaigns of an actor after which it publishes a model with that skill in that time.",
        provenance=judgement("much of what is taken is never published"),
    )
    release_window_least: float = parameter(
        365.0,
        unit="days",
        meaning="Shortest period over which an actor's releases are counted, to see how often one follows by chance.",
        provenance=judgement("a year has every season of releases"),
    )
    known_release_cap: float = parameter(
        1.5,
        unit="bits",
        meaning="Most bits of a release that people outside of the actor may have known of.",
        provenance=judgement("who knows the date can end a campaign before it"),
    )
    phrase_run: int = parameter(
        8,
        unit="words",
        meaning="Words in a row of a known text that an excerpt must hold; all of a shorter text.",
        provenance=judgement("shorter runs recur by chance"),
    )
    phrase_hashes: float = parameter(
        0.3,
        unit="share",
        meaning="Share of a known text's phrases that must be among those by which a campaign is known.",
        provenance=judgement("a case keeps the phrases that are rare in the log, not all"),
    )
    hours_share: float = parameter(
        0.75,
        unit="share",
        meaning="Share of requests in an actor's working hours from which the campaign keeps them.",
        provenance=judgement("people start and stop queues; work that runs around the clock keeps none"),
    )


@parameter_table("dossier.attribution", "When an actor is named.")
@dataclass(frozen=True)
class NamingParameters:
    """Parameters of the decision."""

    somebody_else: float = parameter(
        0.5,
        unit="probability",
        meaning="Prior probability that somebody runs a campaign who is not in the file; the file may state another.",
        provenance=judgement("a file of known actors is never complete"),
    )
    bar: float = parameter(
        0.95,
        unit="probability",
        meaning="Lowest probability at which an actor is named.",
        provenance=judgement("almost certain in the words of US Intelligence Community Directive 203"),
    )
    kinds: int = parameter(
        2,
        unit="kinds",
        meaning="Kinds of marks, each from a source of its own, that must agree.",
        provenance=judgement("one kind may have a reason that nobody thought of"),
    )
    kind_bits: float = parameter(
        1.0,
        unit="bits",
        meaning="Bits from which a kind counts as one that agrees.",
        provenance=judgement("twice as common with the actor as without"),
    )
    costly_bits: float = parameter(
        6.5,
        unit="bits",
        meaning="Least bits of marks that are costly to plant.",
        provenance=derived(
            "more than an own network and a release bring together: hosts may be broken into, dates are chance"
        ),
    )
    costly_share: float = parameter(
        0.8,
        unit="share",
        meaning="Share of the accounts, requests and days that a network must cover to be costly to plant.",
        provenance=judgement("planting is usually in a part of the accounts"),
    )
    rival_bits: float = parameter(
        2.0,
        unit="bits",
        meaning="Bits by which kinds of another actor's marks exceed the leading one's, from which both are marked.",
        provenance=judgement("as many as a known text and a client bring"),
    )
    rival_share: float = parameter(
        0.1,
        unit="share",
        meaning="Share of accounts in another actor's own network from which it contradicts.",
        provenance=judgement("as the share from which a mark is in a part of a campaign"),
    )
    accounts: int = parameter(
        5,
        unit="accounts",
        meaning="Fewest accounts of a campaign whose operator is named.",
        provenance=judgement("as ties between campaigns need"),
    )


MARK_RULES = values_of(MarkParameters)
NAMING = values_of(NamingParameters)
