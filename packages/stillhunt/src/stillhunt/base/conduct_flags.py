"""Names of the conduct flags, for the room that finds them and for those that weigh them."""

CONDUCT_FLAGS: tuple[tuple[int, str, str], ...] = (
    (1 << 0, "REASONING", "asks to show or articulate reasoning"),
    (1 << 1, "TRACE_FORMAT", "asks for reasoning inside given tags or fields"),
    (1 << 2, "RUBRIC", "asks to grade, score or compare answers"),
    (1 << 3, "CLEAN_TRACE", "asks to rewrite or clean a reasoning trace or transcript"),
    (1 << 4, "EXTRACTION_PROBE", "asks for hidden instructions or hidden reasoning, or not to be flagged"),
    (1 << 5, "AGENT_TRAJECTORY", "tool-call trajectories, function schemas, Thought/Action/Observation"),
    (1 << 6, "TASK_GENERATION", "asks to generate many questions, tasks or problems"),
    (1 << 7, "TRANSLATE_TRACE", "asks to translate or encode thinking or working memory"),
    (1 << 8, "PERSONA_OPENER", "opens by giving the model a role"),
    (1 << 9, "OUTPUT_CONTRACT", "demands an exact output format"),
    (1 << 10, "FOLLOW_UP", "a short follow-up as people write them"),
    (1 << 11, "OWN_DATA", "speaks of the writer's own files, code, company or mail"),
    (1 << 12, "CODE", "contains or asks for code"),
    (1 << 13, "MATH", "a mathematical task"),
    (1 << 14, "TRANSLATION", "asks for a translation"),
    (1 << 15, "REASONED_ANSWER", "the answer shows its reasoning"),
    (1 << 16, "GRADED_ANSWER", "the answer is a grade or a preference"),
    (1 << 17, "AGENT_ANSWER", "the answer calls a tool"),
    (1 << 18, "CODED_ANSWER", "the answer contains code"),
)
"""(bit, name, meaning) of every flag in SKETCHES.conduct."""
BITS = {name: bit for bit, name, _ in CONDUCT_FLAGS}
