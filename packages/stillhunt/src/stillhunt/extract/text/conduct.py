"""Conduct flags: what a prompt asks for and an answer gives, by words and structure. Hints, never accusations.

Phrases of the lexicon show *features*; the rules below say which flags follow from a feature by itself, from its
place or from two features close together. Single verbs and nouns are everyday words, so alone they mean nothing.
"""

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import I64, U32, U64
from stillhunt.base.conduct_flags import BITS

SYSTEM_FLAGS = sum(
    BITS[name]
    for name in (
        *("REASONING", "TRACE_FORMAT", "RUBRIC", "CLEAN_TRACE", "EXTRACTION_PROBE", "AGENT_TRAJECTORY"),
        *("TASK_GENERATION", "TRANSLATE_TRACE", "TRANSLATION"),
    )
)
"""Flags that a system prompt passes on to its request. Roles, output formats and the like are what system prompts are
for, so there they say nothing."""
ANYWHERE, AT_START, IN_SHORT_TEXT, AS_TAG, IN_QUOTES, AMONG_MARKS = range(6)
"""Where a feature must stand to show its flag; rows of `Lexicon.flags`."""
SINGLE_RULES: tuple[tuple[str, int, str], ...] = (
    ("reasoning_asked", ANYWHERE, "REASONING"),
    ("trace_format_asked", ANYWHERE, "TRACE_FORMAT"),
    ("trace_name", AS_TAG, "TRACE_FORMAT"),
    ("rubric_asked", ANYWHERE, "RUBRIC"),
    ("cleaning_asked", ANYWHERE, "CLEAN_TRACE"),
    ("probe", ANYWHERE, "EXTRACTION_PROBE"),
    ("trajectory", ANYWHERE, "AGENT_TRAJECTORY"),
    ("generation_asked", ANYWHERE, "TASK_GENERATION"),
    ("trace_translation_asked", ANYWHERE, "TRANSLATE_TRACE"),
    ("persona", AT_START, "PERSONA_OPENER"),
    ("format_demanded", ANYWHERE, "OUTPUT_CONTRACT"),
    ("follow_up", IN_SHORT_TEXT, "FOLLOW_UP"),
    ("own_data", ANYWHERE, "OWN_DATA"),
    ("code_asked", ANYWHERE, "CODE"),
    ("code_word", AMONG_MARKS, "CODE"),
    ("mathematics", ANYWHERE, "MATH"),
    ("formula_word", AMONG_MARKS, "MATH"),
)
"""(feature, where it must stand, flag)."""
PAIR_RULES: tuple[tuple[str, str, int, str], ...] = (
    ("show_verb", "reasoning_noun", 6, "REASONING"),
    ("trace_field", "field_noun", 5, "TRACE_FORMAT"),
    ("reasoning_noun", "tag_noun", 6, "TRACE_FORMAT"),
    ("grade_verb", "grade_noun", 8, "RUBRIC"),
    ("clean_verb", "trace_noun", 8, "CLEAN_TRACE"),
    ("reveal_verb", "hidden_noun", 8, "EXTRACTION_PROBE"),
    ("translate_verb", "memory_noun", 8, "TRANSLATE_TRACE"),
    ("make_verb", "task_noun", 6, "TASK_GENERATION"),
    ("translation_verb", "language_name", 10, "TRANSLATION"),
    ("answer_verb", "format_noun", 6, "OUTPUT_CONTRACT"),
)
"""(feature, feature, most tokens from the start of one to the start of the other, flag)."""


class LexiconRules(NamedTuple):
    """What features show: (feature, where it must stand, flag), and pairs with the most tokens between starts."""

    singles: tuple[tuple[str, int, str], ...]
    pairs: tuple[tuple[str, str, int, str], ...]

    @property
    def features(self) -> tuple[str, ...]:
        """Feature names; the index is the bit in the trie."""
        return tuple(sorted({rule[0] for rule in self.singles} | {name for rule in self.pairs for name in rule[:2]}))


PROMPT_RULES = LexiconRules(SINGLE_RULES, PAIR_RULES)
ANSWER_RULES = LexiconRules(
    (
        ("thinking_name", AS_TAG, "REASONED_ANSWER"),
        ("thinking_aloud", ANYWHERE, "REASONED_ANSWER"),
        ("grade_given", ANYWHERE, "GRADED_ANSWER"),
        ("grade_opening", AT_START, "GRADED_ANSWER"),
        ("tool_use", ANYWHERE, "AGENT_ANSWER"),
        ("code_word", AMONG_MARKS, "CODED_ANSWER"),
    ),
    (("step_number", "conclusion", 400, "REASONED_ANSWER"),),
)


def compile_rules(rules: LexiconRules) -> tuple[U32, I64, U64]:
    """Rules for the kernel: flags by place and feature; pairs with distance and flag; by feature, its partners."""
    features = rules.features
    flags = np.zeros((6, 64), np.uint32)
    partners = np.zeros(64, np.uint64)
    pairs = np.zeros((len(rules.pairs), 4), np.int64)
    for feature, place, flag in rules.singles:
        flags[place, features.index(feature)] |= np.uint32(BITS[flag])
    for row, (one, other, distance, flag) in enumerate(rules.pairs):
        first, second = features.index(one), features.index(other)
        pairs[row] = first, second, distance, BITS[flag]
        partners[first] |= np.uint64(1 << second)
        partners[second] |= np.uint64(1 << first)
    return flags, pairs, partners
