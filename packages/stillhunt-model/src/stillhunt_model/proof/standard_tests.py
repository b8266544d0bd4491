"""The tests of `prove`: what each needs, how it asks, and what it says of itself."""

from stillhunt.tools import formatting
from stillhunt_model.data_files import read_data
from stillhunt_model.marks.detecting import KeyedMark, MarkScore
from stillhunt_model.marks.gate import gate_of
from stillhunt_model.proof.asking import ask, plan_questions
from stillhunt_model.proof.compared_answers import ControlAnswersTest
from stillhunt_model.proof.inherited_marks import read_mark, score_mark
from stillhunt_model.proof.proving import CampaignHarvest, ProofContext, ProofTest
from stillhunt_model.proof.suspects import LocalSuspect, Suspect
from stillhunt_model.proof.verdict import MARKS_TEST, ProofResult
from stillhunt_model.training.pairs import TextPair

_SAID: dict[str, str] = read_data("proof")["marks"]


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
            found, unsaid = _ask_mark_continuations(suspect, mark, harvest, context)
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
    vocabulary = context.teacher.tokenizer.get_vocab()
    if not isinstance(suspect, LocalSuspect) or suspect.net.tokenizer.get_vocab() != vocabulary:
        return None
    pairs = [TextPair(one.prompt, one.answer) for one in harvest.answers[: context.queries]]
    suspect.budget.spend(len(pairs))
    alike_nets = [one.net for one in context.references if one.net.tokenizer.get_vocab() == vocabulary]
    return read_mark(suspect.net, [context.teacher, *alike_nets], pairs, mark)


def _ask_mark_continuations(
    suspect: Suspect, mark: KeyedMark, harvest: CampaignHarvest, context: ProofContext
) -> tuple[MarkScore, str]:
    """Let a suspect go on from the beginnings of harvested answers; also says how many replies had no text."""
    before = suspect.asked
    continues = suspect.continues
    left = context.queries - (suspect.asked - before)
    asked = ask(suspect, harvest.answers, plan_questions(harvest.answers, left, continues=continues))
    empty = sum(not one.strip() for one in asked.replies)
    unsaid = _SAID["unsaid"].format(empty=empty, asked=len(asked.replies)) if empty else ""
    return score_mark(asked, mark), unsaid
