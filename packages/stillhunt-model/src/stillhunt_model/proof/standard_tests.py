"""The tests of `prove`: what each needs, how it asks, and what it says of itself."""

from stillhunt.tools import formatting
from stillhunt_model.data_files import read_data
from stillhunt_model.marks.detecting import KeyedMark, MarkScore
from stillhunt_model.marks.gate import gate_of
from stillhunt_model.nets.net import Net, plain_ids
from stillhunt_model.proof.compared_answers import ControlAnswersTest
from stillhunt_model.proof.inherited_marks import read_mark
from stillhunt_model.proof.proving import CampaignHarvest, ProofContext, ProofTest
from stillhunt_model.proof.replies import LEAST_REPLIES, collect_replies, plan_replies
from stillhunt_model.proof.suspects import LocalSuspect, Suspect
from stillhunt_model.proof.verdict import MARKS_TEST, ProofResult
from stillhunt_model.training.pairs import TextPair

_SAID: dict[str, str] = read_data("proof")["marks"]
_HEARD_PROMPTS, _HEARD_TOKENS = 500, 96
"""Most prompts to which replies are heard, and tokens of each: as many showed 500 marked answers at 4e-35
(benchmarks/model/standing_marks.py), and their weights take less than 1 GB (derived)."""


def standard_tests() -> list[ProofTest]:
    """All tests, in the order in which they are run."""
    return [InheritedMarksTest(), ControlAnswersTest()]


class InheritedMarksTest:
    """Whether the suspect's own words carry the mark of the campaign's group."""

    name = MARKS_TEST

    def run(self, suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> ProofResult:
        """As `ProofTest.run`; arguments are those."""
        marks = context.marks
        if marks is None or not marks.has_group(harvest.campaign_id):
            return ProofResult(self.name, 1.0, note=_SAID["none"])
        mark = KeyedMark(marks.group_key(harvest.campaign_id), marks.layers[1], gate_of(context.teacher.tokenizer))
        found, unsaid = _read_harvest_mark(suspect, mark, harvest, context), ""
        if found is None:
            found, unsaid = _hear_replied_mark(suspect, mark, harvest, context)
        scored = formatting.plural(found.scored, "distinct word")
        return ProofResult(
            self.name,
            found.p,
            statistic=found.value,
            used=found.scored,
            note=_SAID["found"].format(value=found.value, scored=scored, expected=found.expected) + unsaid,
            power=_SAID["power"],
        )


def _read_harvest_mark(
    suspect: Suspect, mark: KeyedMark, harvest: CampaignHarvest, context: ProofContext
) -> MarkScore | None:
    """Let a local suspect with the teacher's tokenizer read the harvest; nothing for another suspect."""
    if not isinstance(suspect, LocalSuspect) or not _has_tokens_of(context.teacher, suspect.net):
        return None
    pairs = [TextPair(one.prompt, one.answer) for one in harvest.answers[: context.queries]]
    suspect.budget.spend(len(pairs))
    return read_mark(suspect.net, _models_alike(context), pairs, mark)


def _hear_replied_mark(
    suspect: Suspect, mark: KeyedMark, harvest: CampaignHarvest, context: ProofContext
) -> tuple[MarkScore, str]:
    """Ask a suspect for replies to the harvested prompts; also says how many of them say nothing."""
    prompts = list(dict.fromkeys(one.prompt for one in harvest.answers))
    left = plan_replies(context.queries)
    each = max(1, min(LEAST_REPLIES, left))
    asked = [(one, each) for one in prompts[: min(_HEARD_PROMPTS, max(1, left // each))]]
    longest = max(map(len, plain_ids(context.teacher, [one.answer for one in harvest.answers])))
    tokens = max(1, min(longest, _HEARD_TOKENS, context.teacher.longest // 2))
    with context.progress.stage(f"asking {suspect.name}", len(asked) * each, "replies") as advance:
        replies = collect_replies(suspect, asked, tokens, context.replies, advance)
    unsaid = ""
    if replies.empty + replies.canned:
        unsaid = _SAID["unsaid"].format(empty=replies.empty + replies.canned, asked=len(asked) * each)
    return read_mark(None, _models_alike(context), replies.pairs, mark), unsaid


def _models_alike(context: ProofContext) -> list[Net]:
    """The teacher, and the references with its tokens."""
    others = [one.net for one in context.references if _has_tokens_of(context.teacher, one.net)]
    return [context.teacher, *others]


def _has_tokens_of(teacher: Net, net: Net) -> bool:
    return bool(net.tokenizer.get_vocab() == teacher.tokenizer.get_vocab())
