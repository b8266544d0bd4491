"""Words that the project gave up, each with what replaced it; `test_retired_words.py` searches for them.

A word is searched in two ways. In *names* (identifiers, files, columns, settings) it is one of the words that a name
is made of: `BareSlices` and `cut_bare` hold "bare", `barely` does not. In *prose* (comments, docstrings, messages,
pages) it is a regular expression, as narrow as the retired sense needs: "half of the rows" is ordinary English, "judged
on the other half" is a fold. Ordinary uses that would still match are listed with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass

DETECTION = tuple(f"src/stillhunt/{room}" for room in ("base", "extract", "link", "resolve", "score", "pipeline"))
DETECTION += tuple(f"tests/{room}/" for room in ("base", "extract", "link", "oracle", "property", "resolve", "score"))
"""Where requests are indexed, grouped and judged: the only place where some words had a sense of their own."""
COLLECT = ("src/stillhunt/collect/", "tests/collect/")
LAB = ("src/stillhunt/lab/", "tests/lab/", "src/stillhunt/cli/", "docs/", "README.md", "benchmarks/quality/")
PRODUCT = ("src/", "docs/", "README.md", "CONTRIBUTING.md")


@dataclass(frozen=True)
class Retired:
    """One word that is not used any more.

    Attributes:
        word: name of the rule.
        use: what to write in its place.
        names: regular expression for the words of a name, in lower case and joined by `_`; empty: not searched.
        prose: regular expression for text, a space stands for any white space; empty: not searched.
        places: beginnings of paths in which it is searched; empty: everywhere.
        allowed: ordinary uses, blanked out before the search: regular expression and reason.
        caught, passed: an example of each, which tests hold the rule to.
    """

    word: str
    use: str
    names: str = ""
    prose: str = ""
    places: tuple[str, ...] = ()
    allowed: tuple[tuple[str, str], ...] = ()
    caught: str = ""
    passed: str = ""


RULES = (
    Retired(
        "bare",
        "untemplated",
        names="bare",
        prose=r"\bbare (questions?|slices?|groups?|search|requests?|candidates?|traffic|workloads?|plan|ones)\b",
        caught="bare questions of one client",
        passed="a bare newline in a string",
    ),
    Retired(
        "manner",
        "request style",
        names="manners?",
        prose=r"\bmanners?\b",
        allowed=((r"manner of use", "label of the conduct family"), (r"in the manner of", "ordinary English")),
        caught="slices of one manner",
        passed="Manner of use",
    ),
    Retired(
        "stack",
        "client fingerprint",
        names="stacks?",
        prose=r"\b(client|shared|different|other|one|own|each|same|two|which|whose|these|of) stacks?\b|\bstacks\b",
        allowed=(
            (r"\b(np|torch)\.stack\(|\b(column|v|h|d)stack\b|\bcolumn_stack\b", "numpy's function"),
            (r"llama[_ ]?stack\w*", "another product"),
            (r"stack[_ -](traces?|smoothing|pointers?|overflow|frames?)", "the call stack"),
            (r"call stack", "the call stack"),
            (r"ExitStack", "Python's contextlib"),
        ),
        caught="users of one client stack",
        passed="the stack trace of the error",
    ),
    Retired(
        "dealt",
        "drawn from one work queue",
        names="dealt|dealing|deal|deals",
        prose=r"\b(dealt|dealing|deals?)\b",
        allowed=(
            (r"\b(dealt|dealing|deals?) with\b", "to handle something"),
            (r"a (good|great) deal", "ordinary English"),
        ),
        caught="subjects dealt from one source",
        passed="dealt with elsewhere",
    ),
    Retired(
        "habit",
        "recurring phrase (of people: kind of customer, usual pattern; of code: convention)",
        names="habits?|habitual",
        prose=r"\bhabit(s|ual)?\b",
        allowed=((r"habit/\{kind\.name\}", "the name of a random stream, which seeds the simulated worlds"),),
        caught="phrases that are a habit",
        passed="inhabitants",
    ),
    Retired(
        "outsiders",
        "comparison accounts",
        names="outsiders?",
        prose=r"\boutsiders?'?\b",
        caught="rarer among outsiders",
        passed="accounts outside the candidate",
    ),
    Retired(
        "crowd",
        "background model",
        names="crowds?",
        prose=r"\bcrowds?\b",
        caught="the crowd of a style",
        passed="crowded addresses",
    ),
    Retired(
        "taste",
        "topic preference",
        names="tastes?",
        prose=r"\btastes?\b",
        caught="an account's own taste",
        passed="a tasteless joke",
    ),
    Retired(
        "takeover",
        "account replacement",
        names="take_?overs?",
        prose=r"\btake-?overs?\b|\baccounts? (that )?takes? over\b",
        allowed=((r"account take-?overs?", "theft of an account, which is another thing"),),
        caught="take-over after stops",
        passed="account takeover means theft",
    ),
    Retired("pivot", "new-model adoption", names="pivots?", prose=r"\bpivots?\b", caught="pivot to a new model"),
    Retired(
        "peers (lab)",
        "baselines",
        names="peers?",
        prose=r"\bpeers?\b",
        places=LAB,
        allowed=((r"peer[- ]reviewed", "a published paper"),),
        caught="the best peer",
    ),
    Retired(
        "peers (collect)",
        "proxy check (of an address: peer address)",
        names="peers",
        prose=r"\bpeers\b",
        places=COLLECT,
        allowed=((r"peers?['’]s? addresses|\bpeers? addresses", "the other end of a connection, as nginx calls it"),),
        caught="peers of a log",
        passed="the peer address in $remote_addr",
    ),
    Retired(
        "peers (score)",
        "comparison accounts",
        names="peers?",
        prose=r"\bpeers?\b",
        places=DETECTION,
        caught="peers of the same plan",
    ),
    Retired(
        "twins",
        "duplicate inputs (of a kernel in tests: plain reference)",
        names="twins?",
        prose=r"\btwins?\b",
        places=PRODUCT,
        allowed=(
            (r"\bplain(-Python)? twins?\b|\btwins? (in|on) (plain )?Python", "the slow form of a kernel in tests"),
        ),
        caught="twins of a log",
        passed="each has a plain twin in tests",
    ),
    Retired("untold", "insufficient data", names="untold", prose=r"\buntold\b", caught="untold times"),
    Retired(
        "told",
        "known",
        names="told",
        prose=r"\b(is|are|was|were) told of\b|\bwhether (it is|they are) told\b",
        places=("src/",),
        caught="What is told of an account",
        passed="kinds are told apart by their content",
    ),
    Retired(
        "half",
        "fold",
        names="half|halves",
        prose=(
            r"\b(other|each|same|this|that|keyed|either|which|first|second|one|both|two|the) hal(f|ves)\b"
            r"(?!( of | an? |-| again| the | past))"
        ),
        places=(*DETECTION, "docs/", "README.md", "src/stillhunt/triage/"),
        allowed=(
            (r"half[_-](hours?|day|life|width|open|written|made|product)", "a fixed expression"),
            (r"half (a |an )?surrogates?", "UTF-16"),
        ),
        caught="judged on the other half",
        passed="the first half of the text",
    ),
    Retired(
        "fresh",
        "first occurrence",
        names="fresh",
        prose=r"\bfresh (prompts?|requests?|questions?|texts?|rows?)\b|\b(is|are|be|never|not) fresh\b",
        places=DETECTION,
        caught="its fresh prompts",
        passed="a fresh random key",
    ),
    Retired(
        "alone",
        "single-turn",
        names="alone",
        allowed=((r"_?left_alone", "groups that stay below the review threshold"),),
        prose=r"\balone (requests?|questions?|prompts?)\b|\b(questions?|requests?) that (is|are) alone\b",
        places=DETECTION,
        caught="requests that are alone",
        passed="topics alone do not tell",
    ),
    Retired(
        "whole",
        "prompt hash",
        names="wholes?",
        prose=r"\bhash of the whole\b|\bwhole hash\b",
        places=("src/stillhunt/extract/", "src/stillhunt/link/", "tests/link/", "tests/oracle/"),
        allowed=(
            (r"\bwhole[_ ](numbers?|log|file|lines?|characters?|documents?)", "ordinary English"),
            (r"\bnothing_whole\b", "no cluster is a whole template"),
        ),
        caught="the hash of the whole",
        passed="the whole file",
    ),
    Retired(
        "head",
        "resent prefix",
        names="heads?",
        prose=r"\b(resent|cut|longest|known|new|kept) head\b|\bhead of (history|a call)\b|\bheads\b",
        places=(
            "src/stillhunt/collect/history/",
            "src/stillhunt/collect/read/",
            "docs/adr/0014",
            "tests/collect/history",
        ),
        caught="the heads that they continue",
        passed="head, tail and middle of a text",
    ),
    Retired(
        "door",
        "entry point, or boundary check",
        names="doors?",
        prose=r"\bdoors?\b",
        allowed=((r"front[ -]door", "products of cloud vendors"),),
        caught="tables are checked at each door",
        passed="outdoor",
    ),
    Retired(
        "plan",
        "work queue (`plan` is a price plan)",
        names="plans?",
        places=("src/stillhunt/link/", "src/stillhunt/resolve/", "tests/link/", "tests/resolve/", "tests/oracle/"),
        caught="plan_bits",
        passed="planted",
    ),
    Retired(
        "plan (of work)",
        "work queue",
        prose=(
            r"\b(one|two|common|shared|working|a wide|nobody's) plans?\b(?! of price)|\bplans? of work\b"
            r"|\bwork plans?\b"
            r"|\b(off|from) (a|the|its|one's) plan\b|\bthe plan's (topics|subjects|mixture|load|workers|share)\b"
            r"|\bplans? (is|are) dealt\b|\bplan that shows\b"
        ),
        allowed=((r"\b(price|same|each|its|one) (price )?plans?\b(?=,? (at|with) list)", "what a customer pays"),),
        caught="they work off one plan",
        passed="customers of the same price plan",
    ),
    Retired(
        "public",
        "background sample",
        names="public",
        prose=(
            r"\bthe public('s|’s)|\b(among|by|of|than|from|in) the public\b(?! (names?|key|cloud|internet|interface))"
            r"|\bthe public (use|uses|has|is|are|itself|who|counts?|does)\b|\bpublic (accounts?|users?|use)\b"
        ),
        places=(*DETECTION, "src/stillhunt/triage/", "docs/", "README.md"),
        allowed=(
            (r"public (cloud|cards?|sets?|benchmarks?|templates?|wording)", "what is published"),
            (r"\bSubjectPublicKeyInfo\b", "what RFC 5280 calls a key in DER"),
            (r"\bpublic_(key|suffix)\b|\bPUBLIC_(TEMPLATES|ITEMS)\b|\bis_public\b", "published, or of an address"),
            (r"link\.public_(accounts|requests)", "what a setting was called, so that its new name can be told"),
            (r"\bpublic_run\b", "the part of run.json that may be shown"),
        ),
        caught="times the public's use of it",
        passed="a public benchmark",
    ),
    Retired(
        "role operator",
        "dedicated",
        prose=r"\brole[s:]?( is)? `?\"?operator\b|\boperator, shared\b|\"operator\"",
        caught="operator, shared, victim or unknown",
        passed="the operator of the API",
    ),
    Retired(
        "speaks for, against",
        "evidence for, evidence against",
        prose=r"\b(speaks?|speaking|spoke) (for|against)\b",
        allowed=((r"\bspeaks? for (itself|themselves|both)\b", "ordinary English"),),
        caught="what speaks against a campaign",
        passed="the figure speaks for itself",
    ),
)

MODULES = {
    "collect": {
        "ahead": "parallel_read",
        "framed": "record_readers",
        "framing": "protobuf_framing",
        "joining": "log_join",
        "layouts": "mmdb_schemas",
        "ledger": "input_stats",
        "lenient": "tolerant_json",
        "naming": "field_suggestions",
        "opening": "inputs",
        "otlp_who": "otlp_identity",
        "peers": "proxy_check",
        "pieces": "batch_sizing",
        "remembered": "incremental_history",
        "requests": "generic_bodies",
        "stretches": "read_tasks",
        "texts": "reread_prompts",
        "twins": "duplicate_inputs",
    },
    "link": {
        "arrange": "index_requests",
        "bare": "untemplated_slices",
        "crowd": "background_model",
        "cut": "judged_requests",
        "fragments": "merge_fragments",
        "kernels_alike": "dispersion_kernels",
    },
    "score": {
        "dealt": "homogeneity",
        "frame": "a name that says which part of the evidence context it holds",
        "outsiders": "background_correlation",
        "pivot": "model_adoption",
        "public": "key_frequencies",
        "takeover": "account_replacement",
    },
    "triage": {"plain": "formatting", "sums": "score_breakdown"},
}
"""Room -> name that one of its modules had -> its name now."""
