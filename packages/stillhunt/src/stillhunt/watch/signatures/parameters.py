"""Numbers of signatures: which phrases tell a campaign, and when a request or an account matches."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import derived, judgement, measured, parameter, parameter_table, values_of

_MEASURED = "benchmarks/live/signatures.py on development seeds"


@parameter_table("watch.signatures", "Which phrases and settings make a signature.")
@dataclass(frozen=True)
class SignatureParameters:
    """What a signature is made of."""

    most_harvested: int = parameter(
        20_000,
        unit="requests",
        meaning="Harvested requests of a campaign from which its signature is made, spread evenly by a keyed sample.",
        provenance=judgement("a rate of half a percent is then known to a tenth of it"),
    )
    phrase_share: float = parameter(
        0.005,
        unit="share of requests",
        meaning="Share of the harvested requests in which a phrase must stand.",
        provenance=measured(f"parts of paraphrased templates reach 0.5 to 20 %; {_MEASURED}"),
    )
    phrase_accounts: int = parameter(
        3,
        unit="accounts",
        meaning="Members of the campaign that must use a phrase.",
        provenance=judgement("a phrase of fewer accounts links nobody"),
    )
    most_phrases: int = parameter(
        512,
        unit="phrases",
        meaning="Phrases of a signature: those in most of its requests.",
        provenance=judgement("bounds the memory for each account that is followed"),
    )
    least_phrase_bits: float = parameter(
        3.0,
        unit="bits",
        meaning="Weight below which a phrase is left out.",
        provenance=judgement("what is less than 8 times as frequent as elsewhere is ordinary language"),
    )
    most_phrase_bits: float = parameter(
        10.0,
        unit="bits",
        meaning="Most bits of one phrase.",
        provenance=derived("log2 of 1,000: no more is known from some hundreds of honest accounts"),
    )
    smoothing: float = parameter(
        0.5,
        unit="counts",
        meaning="Counts added to what is seen of a phrase in honest traffic, and prior counts in the campaign.",
        provenance=judgement("half a count, the usual prior of a rate (Jeffreys)"),
    )
    style_bits: tuple[float, float] = parameter(
        (-3.0, 4.0),
        unit="bits",
        meaning="Least and most bits of one feature of style: settings, model, user agent, TLS fingerprint.",
        provenance=judgement("a replacement pool may change each of them; none of them names a campaign"),
    )
    all_style_bits: tuple[float, float] = parameter(
        (-8.0, 8.0),
        unit="bits",
        meaning="Least and most bits of all features of style together.",
        provenance=measured(
            f"honest accounts that share a part of a template are at the least, replacement accounts between -1 and 8; "
            f"{_MEASURED}"
        ),
    )
    most_sender_bits: float = parameter(
        10.0,
        unit="bits",
        meaning="Most bits of what shows who sends a request, for program and network each.",
        provenance=derived("log2 of 1,000: no more is known from some hundreds of honest accounts"),
    )
    least_harvested: int = parameter(
        50,
        unit="requests",
        meaning="Harvested requests that a campaign needs for a signature.",
        provenance=judgement("a phrase in half a percent of fewer requests was seen once"),
    )
    least_honest_accounts: int = parameter(
        50,
        unit="accounts",
        meaning="Honest accounts that are needed in each half of the honest traffic.",
        provenance=judgement("with fewer, nothing is known of what is rare"),
    )


@parameter_table("watch.matching", "When a request carries a template, and when its account is linked.")
@dataclass(frozen=True)
class MatchingParameters:
    """Two levels: requests and accounts."""

    request_bits: float = parameter(
        10.0,
        unit="bits",
        meaning="Bits of one request, from its phrases, from which it carries the campaign's template.",
        provenance=judgement("one phrase of full weight, or several of less"),
    )
    carriers: int = parameter(
        2,
        unit="requests",
        meaning="Requests of different conversations, with different prompts, that must carry the template.",
        provenance=judgement("one quoted template in one chat links nobody"),
    )
    account_bits: float = parameter(
        60.0,
        unit="bits",
        meaning="Least bits of an account that is linked; each phrase counts once an account.",
        provenance=measured(f"honest accounts reach 58 where they repeat parts of a public template; {_MEASURED}"),
    )
    member_share: float = parameter(
        0.4,
        unit="share of bits",
        meaning="Share of the bits of the campaign's median member that an account must show.",
        provenance=measured(
            f"16 honest accounts in 20 months reached 61 to 80 bits, and none is linked in 20 others; {_MEASURED}"
        ),
    )
    honest_margin: float = parameter(
        1.5,
        unit="times",
        meaning="Times the most bits of any honest account of the fold that sets the threshold.",
        provenance=measured(f"the largest of as many other honest accounts; {_MEASURED}"),
    )
    least_alone_bits: float = parameter(
        30.0,
        unit="bits",
        meaning="Least bits of the phrases of one request by which it tells the campaign by itself; it needs "
        "honest_margin times those of any honest request of the fold, too.",
        provenance=judgement("three phrases of full weight in one text"),
    )
    alone_share: float = parameter(
        0.8,
        unit="share of bits",
        meaning="Share of the mean bits of a harvested request that such a request needs, too.",
        provenance=judgement("who quotes one sentence of a template shows a part of it"),
    )
    sender_bits: float = parameter(
        8.0,
        unit="bits",
        meaning="Bits of what shows who sends an account's requests (program, settings, network, card, sign-up), from "
        "which a link may do more than tag. What requests say does not count: end users of an application write it.",
        provenance=derived(
            "an honest account has so many with a probability of at most 1 in 256, by the ratio's bound"
        ),
    )
    first_requests: int = parameter(
        50,
        unit="requests",
        meaning="Requests of an account that are weighed, from the first with a phrase of the signature.",
        provenance=measured(f"paraphrased templates show half of their phrases within 20 to 50; {_MEASURED}"),
    )
    most_set_aside: float = parameter(
        0.1,
        unit="share of accounts",
        meaning="Accounts of no group that may reach the threshold, as a share of the campaign's members. They are "
        "taken for members that the hunt missed, and are no part of the honest traffic; of more, none is set aside.",
        provenance=measured(f"of 3 such accounts in 6 worlds, all were members that the hunt missed; {_MEASURED}"),
    )
    least_caught: float = parameter(
        0.5,
        unit="share of accounts",
        meaning="Share of the campaign's own members that its signature must link; otherwise there is none.",
        provenance=judgement("a signature that misses most of what it was made from misses what follows"),
    )
    allowed_per_million: float = parameter(
        1.0,
        unit="requests",
        meaning="False matches in a million held-out honest requests above which there is no signature.",
        provenance=judgement("at 5,000 requests per second, one in three minutes"),
    )
    most_accounts: int = parameter(
        100_000,
        unit="accounts",
        meaning="Accounts with a part of a template that are followed at a time; then the less suspicious half goes.",
        provenance=measured("90 MB at 100,000 accounts with half a template each"),
    )


SIGNATURES = values_of(SignatureParameters)
MATCHING = values_of(MatchingParameters)
