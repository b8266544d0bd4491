"""Parameters of the search by wording style."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import judgement, measured, parameter, parameter_table, values_of

_TRIALS = measured("worlds of rung 7 and 0 of two generators, seeds of docs/adr/0024; no script repeats it")


@parameter_table("link.style", "Which accounts share recurring words, and which requests are worded in their style.")
@dataclass(frozen=True)
class StyleParameters:
    """Wording styles."""

    max_accounts: int = parameter(
        20_000,
        unit="accounts",
        meaning="Most accounts in which recurring words are sought; of more, a sample by a fixed hash.",
        provenance=judgement("bounds time and memory"),
    )
    account_requests: int = parameter(
        30,
        unit="requests",
        meaning="Requests of one account that are looked at, roughly; of more, a sample by their prompts.",
        provenance=_TRIALS,
    )
    min_requests: int = parameter(
        5,
        unit="requests",
        meaning="Requests from which an account can show a recurring word.",
        provenance=judgement("fewer show none"),
    )
    min_word_requests: int = parameter(
        8,
        unit="requests",
        meaning="Requests of the sample below which a word is no word of a style.",
        provenance=judgement("a style needs words that several accounts repeat"),
    )
    max_word_share: float = parameter(
        0.2,
        unit="share of requests",
        meaning="Share of requests above which a word is everybody's.",
        provenance=judgement("words of every text"),
    )
    recurring_requests: int = parameter(
        2,
        unit="requests",
        meaning="Requests of one account, and topics of these, in which a word is a recurring word of the account.",
        provenance=_TRIALS,
    )
    recurring_lift: float = parameter(
        5.0,
        unit="times",
        meaning="Times above its common rate at which an account must use a word.",
        provenance=_TRIALS,
    )
    min_holders: int = parameter(
        4,
        unit="accounts",
        meaning="Accounts that share a recurring word below which it ties nobody.",
        provenance=judgement("a block needs five accounts, of whom one may lack it"),
    )
    max_account_share: float = parameter(
        0.3,
        unit="share of accounts",
        meaning="Share of accounts above which a recurring word, or a block, is everybody's.",
        provenance=judgement("no campaign is a third of all accounts without being seen elsewhere"),
    )
    coarse_blocks: int = parameter(
        6,
        unit="blocks",
        meaning="Blocks of accounts into which recurring words are divided first; in a small log, finer ones tear "
        "campaigns apart.",
        provenance=_TRIALS,
    )
    fine_blocks: tuple[int, int] = parameter(
        (24, 64),
        unit="blocks",
        meaning="Fewest and most blocks into which they are divided once more.",
        provenance=measured("as above, and one world of 20,000 accounts, seed 431, in which 24 and 48 do not find it"),
    )
    accounts_per_block: int = parameter(
        150,
        unit="accounts",
        meaning="Accounts for each of these blocks.",
        provenance=judgement("a campaign of 60 accounts should be a good part of its block"),
    )
    subspace_iterations: int = parameter(
        10,
        unit="rounds",
        meaning="Rounds of subspace iteration by which the blocks are found.",
        provenance=judgement("the space hardly turns after that"),
    )
    degree_smoothing: float = parameter(
        2.0,
        unit="means",
        meaning="Added to the rarity of an account's recurring words together before accounts are compared, as a "
        "multiple of its mean over accounts.",
        provenance=measured("a fifth of it loses a campaign of 60 accounts among 20,000, seed 431"),
    )
    rounds: int = parameter(
        3,
        unit="rounds",
        meaning="Times that the words of a style are learned from its accounts, and its accounts from their requests.",
        provenance=judgement("blocks settle earlier"),
    )
    min_rate: float = parameter(
        0.01,
        unit="share of requests",
        meaning="Share of a block's requests in which a word of its style stands.",
        provenance=_TRIALS,
    )
    min_lift: float = parameter(
        3.0,
        unit="times",
        meaning="Times as often as elsewhere that a word of the style stands there.",
        provenance=_TRIALS,
    )
    holder_share: float = parameter(
        0.05,
        unit="share of accounts",
        meaning="Share of a block's accounts that have a word of the style as a recurring word.",
        provenance=_TRIALS,
    )
    max_concentration: float = parameter(
        2.0,
        unit="times",
        meaning="Chance that two requests with a word share a topic, over that of two requests of the block, up to "
        "which the word belongs to a style and not to a subject.",
        provenance=_TRIALS,
    )
    max_narrowness: float = parameter(
        3.0,
        unit="times",
        meaning="Chance that two requests of a style share a topic, over that of any two requests, up to which it is a "
        "style and not a subject or a language.",
        provenance=_TRIALS,
    )
    min_words: int = parameter(
        40,
        unit="words",
        meaning="Words of a style.",
        provenance=measured("campaigns 112 to 189, honest blocks on many topics 10 to 30; as above and seed 431"),
    )
    matching_share: float = parameter(
        0.003,
        unit="share of requests",
        meaning="Share of other accounts' requests that may look worded in a style.",
        provenance=_TRIALS,
    )
    matching_lift: float = parameter(
        5.0,
        unit="times",
        meaning="Times that share of an account's requests that must look so, beyond chance.",
        provenance=judgement("an account may share a few words with anybody"),
    )
    max_chance: float = parameter(
        1e-4,
        unit="probability",
        meaning="Probability of as many such requests by chance below which an account is in the block.",
        provenance=judgement("one account of 10,000 by chance"),
    )
    most_styles: int = parameter(
        4,
        unit="styles",
        meaning="Styles that become candidates: those whose groups have the most held-out bits.",
        provenance=judgement("a candidate costs time, and a campaign stands out"),
    )


STYLE_PARAMETERS = values_of(StyleParameters)
