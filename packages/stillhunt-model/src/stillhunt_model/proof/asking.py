"""What a suspect is asked: the prompts of a harvest with beginnings of the answers, to be continued.

Where the answer stands is where a student that learned it is most itself.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from stillhunt_model.proof.suspects import Suspect
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer

# Words between two beginnings of one answer (a continuation of some words ends where the next one begins: little is
# asked twice)
_STRIDE = 4
_SPAN = 8  # Tokens of a continuation (some words: as far as the next beginning)
# Tokens of an answer where the suspect cannot continue a beginning, as at chat endpoints (a short paragraph)
_WHOLE_SPAN = 96


@dataclass(frozen=True)
class SuspectQuestion:
    """One query."""

    answer: int  # place of the harvested answer to which it belongs
    begun: str  # beginning that the suspect continues, whole words; empty for none


@dataclass(frozen=True)
class AskedHarvest:
    """Questions with the suspect's replies."""

    answers: Sequence[HarvestedAnswer]
    questions: Sequence[SuspectQuestion]
    replies: Sequence[str]


def plan_questions(answers: Sequence[HarvestedAnswer], queries: int, *, continues: bool) -> list[SuspectQuestion]:
    """Questions within a budget, the same for the same harvest in any order.

    `continues`: whether the suspect continues a beginning; else only prompts without one are asked. Returns questions
    in rounds: first one beginning of every answer, then the next one.
    """
    order = sorted(range(len(answers)), key=lambda place: _hash_request_id(answers[place].request_id))
    beginnings = [_list_answer_beginnings(answer.answer) if continues else [""] for answer in answers]
    planned = [
        SuspectQuestion(place, begun)
        for turn in range(max(map(len, beginnings), default=0))
        for place in order
        for begun in beginnings[place][turn : turn + 1]
    ]
    return planned[:queries]


def ask(suspect: Suspect, answers: Sequence[HarvestedAnswer], questions: Sequence[SuspectQuestion]) -> AskedHarvest:
    """Ask a suspect.

    Raises QueryBudgetError: the budget does not allow all of them; nothing was asked.
    """
    prompts = [answers[one.answer].prompt for one in questions]
    begun = [one.begun for one in questions]
    if any(begun):
        replies = suspect.answer(prompts, _SPAN, begun=begun, temperature=0.0)
    else:
        replies = suspect.answer(prompts, _WHOLE_SPAN, temperature=0.0)
    return AskedHarvest(answers, questions, replies)


def _list_answer_beginnings(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[:count]) for count in range(0, len(words), _STRIDE)]


def _hash_request_id(request_id: str) -> bytes:
    return hashlib.blake2b(request_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
