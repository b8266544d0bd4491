"""Parameters of the search for templates: recurring phrases, content clusters and their fragments."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import judgement, measured, parameter, parameter_table, values_of


@parameter_table("link.phrases", "Which phrases are an account's own recurring phrases, and which accounts share.")
@dataclass(frozen=True)
class PhraseParameters:
    """Recurring phrases."""

    min_prompts: int = parameter(
        3,
        unit="distinct prompts",
        meaning="Distinct prompts of one account in which a phrase must recur.",
        provenance=judgement("two happen by chance in every long log"),
    )
    own_rate: float = parameter(
        0.02,
        unit="share of prompts",
        meaning="Share of an account's prompts above which the account is left out of the phrase's common rate.",
        provenance=judgement("a campaign must not raise the common rate against which it is measured"),
    )
    smoothing: float = parameter(
        0.5,
        unit="prompts",
        meaning="Prompts with the phrase that are added to the count behind its common rate.",
        provenance=judgement("half a count, the usual prior of a rate (Jeffreys)"),
    )
    min_lift: float = parameter(
        8.0,
        unit="times",
        meaning="Times above its common rate at which a phrase must recur in the account.",
        provenance=measured("stock phrases of one topic reach 2 to 5 in accounts that ask about it"),
    )
    min_nats: float = parameter(
        10.0,
        unit="nats",
        meaning="Log-likelihood ratio of the account's rate against the common rate.",
        provenance=judgement("e^-10 times the number of phrases leaves few by chance"),
    )
    min_accounts: int = parameter(
        3,
        unit="accounts",
        meaning="Accounts that must share a recurring phrase.",
        provenance=judgement("a phrase of fewer accounts links nobody"),
    )


@parameter_table("link.clusters", "Which phrases make one content cluster, and which requests fall into it.")
@dataclass(frozen=True)
class ClusterParameters:
    """Content clusters."""

    jaccard_levels: tuple[float, ...] = parameter(
        (0.23, 0.29, 0.37, 0.47, 0.59, 0.73),
        unit="Jaccard index",
        meaning="Levels at which the single-linkage tree of phrases is cut, from the lowest.",
        provenance=judgement("each about 1.26 times the one before; not round, so that few pairs hit one exactly"),
    )
    min_cohesion: float = parameter(
        0.17,
        unit="share of phrases",
        meaning="Mean share of a cluster's phrases that each of its accounts must use.",
        provenance=measured(
            "seeded worlds: a grammar of 6 x 6 variants in 25 requests shows 0.6, a fixed pipeline beside it 0.2, "
            "chained stock phrases 0.02 to 0.06"
        ),
    )
    min_pair_accounts: int = parameter(
        3,
        unit="accounts",
        meaning="Accounts that must have both phrases of a pair together.",
        provenance=judgement("as for one phrase"),
    )
    min_pair_requests: int = parameter(
        2,
        unit="requests",
        meaning="Requests of one account in which both phrases of a pair must stand.",
        provenance=judgement("one request is a coincidence"),
    )
    min_phrases: int = parameter(
        2,
        unit="phrases",
        meaning="Phrases that make a content cluster.",
        provenance=judgement("one phrase is no template"),
    )
    min_matched: int = parameter(
        2,
        unit="phrases",
        meaning="Phrases of a cluster that a request needs to fall into it, where none of them recurs in its account.",
        provenance=judgement("one phrase may be a quotation"),
    )
    max_phrases_per_request: int = parameter(
        48,
        unit="phrases",
        meaning="Phrases of one request that are paired.",
        provenance=judgement("bounds the work that one hostile prompt can cause"),
    )
    max_paired_requests: int = parameter(
        4096,
        unit="requests",
        meaning="Requests of one account whose phrases are paired, spread evenly over its time.",
        provenance=judgement("what stands in fewer is no template"),
    )


@parameter_table("link.fragments", "Which content clusters are fragments of one paraphrased template.")
@dataclass(frozen=True)
class FragmentParameters:
    """Fragments of templates."""

    max_account_share: float = parameter(
        0.5,
        unit="share of accounts",
        meaning="Share of all accounts above which a cluster is common language and joins nothing.",
        provenance=judgement("what every second account writes is no template"),
    )
    max_clusters_per_account: int = parameter(
        256,
        unit="clusters",
        meaning="Clusters of one account that are compared: those with the fewest accounts.",
        provenance=judgement("bounds the work that a reseller causes"),
    )
    min_accounts: int = parameter(
        5,
        unit="accounts",
        meaning="Accounts that must have requests in both clusters.",
        provenance=judgement("the fewest accounts of a campaign"),
    )
    min_relative_risk: float = parameter(
        4.0,
        unit="times",
        meaning="Times likelier that an account of one cluster uses the other than that any other account does.",
        provenance=judgement(
            "a relative risk, because a campaign of a third of all accounts lowers a lift over all accounts, "
            "and does not lower this"
        ),
    )
    min_jaccard: float = parameter(
        0.13,
        unit="Jaccard index",
        meaning="Accounts with requests in both clusters among those with requests in either.",
        provenance=judgement("a framework that a few of the accounts use as well stays out"),
    )
    complete_bits: float = parameter(
        100.0,
        unit="bits",
        meaning="Strength of a group from which its cluster is a complete template and no fragment.",
        provenance=measured(
            "skills of a paraphrased campaign, and operators of one pool, reach hundreds; fragments 20-70"
        ),
    )


PHRASE_VALUES = values_of(PhraseParameters)
CLUSTERS = values_of(ClusterParameters)
FRAGMENTS = values_of(FragmentParameters)
