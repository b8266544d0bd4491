"""The fixed texts of the benchmark's page."""

from __future__ import annotations

from stillhunt_lab.bench.cells import table

INTRODUCTION = """<!-- Written by 'stillhunt lab bench'; only the part between the two marks is kept by hand. -->

For whoever judges the method: stillhunt compared with methods in use today. All of them search the same
simulated logs, in which every harvesting account is known, and are measured by the same definitions. Simulated worlds
prove nothing about real logs: [worlds](worlds.md) lists what they leave out.
"""

DEFINITIONS = """- **Recall, precision**: of the flagged accounts. An account harvests if any of its requests does,
  as in a shared pool.
- **False accounts**: flagged honest accounts per world, and their personas. **Honest touched**: their share of all
  honest accounts.
- **False at stillhunt's recall**: honest accounts that a method flags when its threshold is set, with knowledge of the
  truth, so that it reaches stillhunt's recall in the same world. Accounts of equal score are flagged together. Where
  the scores of a method never reach that recall, the figure is for its best recall, and the cell says in how many
  worlds it reaches stillhunt's. stillhunt itself is judged at its own threshold.
- **B-cubed F1**: of the harvesting accounts, true main campaign against found main group. Each account that is not
  flagged is a group of its own.
- **ARI**: adjusted Rand index of the truly harvested requests, by campaign; requests that are not listed form one
  class. It needs two campaigns.
- **Harvest caught**: share of the truly harvested requests that are listed. Where a method lists no requests, all
  requests of the accounts it flags count. stillhunt also lists the requests of campaigns with verdict review. **Of the
  listed, harvested**: share of the listed requests that are truly harvested.
- **First correct call**: the log is replayed, and the method looks at it again and again. A call is correct when a
  group to act on has at least 5 accounts, at least 90 % of them belong to one true campaign, and the same holds an hour
  later. The figure is the number of harvested requests before the first correct call, with their share of the campaign
  in brackets: median and worst over worlds. The method looks whenever the harvest has grown by a quarter, from 20
  requests on, and then every hour between the last such look that failed and the first that held. A call that came and
  went between two of these looks is missed, so the figure can only be too late. A method that always names somebody is
  correct early; therefore the cell also says at how many looks it named a group that is no campaign.
- **False campaigns**: groups to act on in worlds without campaigns, with the exact upper 95 % bound of their mean
  number (Poisson).
- **CPU s / M rows**: CPU seconds of all threads per million requests, without reading files or compiling kernels.
"""

_BASELINES_INTRO = """Each baseline works on the same two tables, as its paper describes or as a library implements it.
Where an API log has no such object as the paper uses, the module says what takes its place
(`packages/stillhunt-lab/src/stillhunt_lab/baselines`). All methods spare sanctioned programmes.

{table}
prada and mmd embed prompts as singular vectors of hashed TF-IDF word counts: no model is downloaded.
"""

_BASELINE_ROWS = (
    (
        "advisory",
        "rules after AA26-251A (CISA, NSA, FBI 2026): crowded addresses, volume, no idle, no ramp, shared cards ...",
        "published queries where there are any, else ours",
    ),
    (
        "isolation forest",
        "Liu, Ting, Zhou 2008, scikit-learn, 21 aggregates of an account",
        "the paper's 100 trees of 256, score 0.6",
    ),
    (
        "shared keys",
        "connected components over cards, addresses, mail domains and templates, without keys that very many share",
        "components of 5; ours",
    ),
    (
        "prada",
        "Juuti et al. 2019: normality of distances between an account's queries",
        "the paper's delta 0.95 and 100 queries",
    ),
    (
        "mmd",
        "Embarrassingly Simple Detector 2026: discrepancy of windows against honest history, which it is given",
        "the paper's 0.3 % of honest windows; windows of 32",
    ),
    ("synchrotrap", "Cao et al. 2014: matched actions in time, single linkage", "similarity 0.5 within a day; ours"),
    (
        "fraudar",
        "Hooi et al. 2016: densest block of accounts and shared objects, logarithmic weights",
        "the densest block, as in the paper",
    ),
    ("catchsync", "Jiang et al. 2014: synchronicity and normality", "the paper's three deviations"),
)

BASELINES_TEXT = _BASELINES_INTRO.replace("{table}", table(("name", "what it is", "thresholds"), _BASELINE_ROWS))

GENERATOR_MEANINGS = {
    "first": "The lab's own worlds; the detector was developed on worlds of this kind, with other seeds.\n",
    "second": "Worlds of another construction, which are kept for judging.\n",
    "texts": "Worlds of the second generator with prompts from a corpus of real texts.\n",
}

ABLATIONS = """Each family of evidence is switched off (by a cap of nearly zero), or used as the only one, and the
log is made poorer. A family that is switched off still helps to find candidates; it only adds no bits. The verdict
`act` needs two independent families, so with a single family nobody is flagged. The last two columns show what it is
worth all the same: the share of harvesting accounts that score above every honest account, and the average precision of
the scores.
"""

KEPT_AT_FIRST = "Nothing has been written here yet."
