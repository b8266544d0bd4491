"""The words of the benchmark's page."""

from __future__ import annotations

from stillhunt.lab.bench.cells import table

INTRODUCTION = """<!-- Written by 'stillhunt lab bench'; only the part between the two marks is kept by hand. -->

How well stillhunt finds harvesting campaigns in simulated logs with known truth, beside what people use today, by one
set of definitions. Simulated worlds are no proof about real logs: [worlds](worlds.md) lists what they leave out.
"""

DEFINITIONS = """- **Recall, precision**: over accounts that are flagged. An account harvests if any of its requests
  does, as in a shared pool.
- **False accounts**: flagged honest accounts per world, and which personas they are; **honest touched**: their share of
  all honest accounts.
- **False at stillhunt's recall**: the method's threshold is set, with the truth at hand, to reach the recall that
  stillhunt reached in that world, and its false accounts are counted; accounts of equal score go together. Where its
  scores never reach that recall, the figure is that of its best recall, and the cell says in how many worlds it does.
  stillhunt itself is judged at its own threshold.
- **B-cubed F1**: over the harvesting accounts, true main campaign against found main group; who is not flagged stands
  alone.
- **ARI**: adjusted Rand index over the truly harvested requests, by campaign; all unlisted ones are one class. Needs
  two campaigns.
- **Harvest caught**: share of the truly harvested requests that are listed; of a method that lists none, all requests
  of the accounts it flags count. stillhunt also lists those of campaigns that it puts up for review. **Of the listed,
  harvested**: the share of listed requests that are truly harvested.
- **First correct call**: the log is replayed and looked at again and again; the first look at which a group to act on
  has at least 5 accounts, at least 90 % of them of one true campaign, and which holds at the next look an hour later,
  told in harvested requests until then, their share of the campaign in brackets: median and worst over worlds. Looks:
  whenever the harvest has grown by a quarter, from 20 requests on, then every hour between the last such look that
  failed and the first that held. A call that came and went between two of the coarse looks is missed; the figure can
  only be too late for it. A method that always names somebody is right early; at how many of the looks it named a
  group that is no campaign stands beside it.
- **False campaigns**: groups to act on in worlds without any, with the exact upper 95 % bound of their mean number
  (Poisson).
- **CPU s / M rows**: CPU seconds of all threads per million requests, without reading files; kernels compiled before.
"""

_BASELINES_INTRO = """Each runs on the same two tables, from its paper or a library; where a paper's object does
not exist in an API log, the module says what takes its place (`src/stillhunt/lab/baselines`). Sanctioned programmes are
spared for all methods alike.

{table}
Embeddings of prada and mmd are hashed TF-IDF words and their main directions: no model is downloaded.
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
        "connected components over cards, addresses, mail domains and templates, public keys dropped",
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
    "first": "The lab's own worlds, which the detector was developed on (with other seeds).\n",
    "second": "Worlds of another construction, kept apart for judging.\n",
    "texts": "The second construction with prompts from a corpus of real texts in place of its own grammar.\n",
}

ABLATIONS = """Each kind of evidence switched off (its cap set to nothing), each alone, and poorer logs. A kind
that is switched off still serves the search for candidates: only its bits are gone. The verdict `act` needs two
independent kinds, so with one alone nobody is flagged by rule; what it is worth shows in the last two columns: the
share of harvesting accounts that score above every honest account, and the average precision of the scores.
"""

KEPT_AT_FIRST = "Nothing has been written here yet."
