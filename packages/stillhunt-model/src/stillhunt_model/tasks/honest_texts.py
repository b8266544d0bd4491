"""Answers to honest accounts that match what was harvested: of the same models and days, one an account and day."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import Config
from stillhunt.tools import Progress, redacted
from stillhunt_model.tasks.harvest_texts import AnswerLogs, HarvestedAnswer, answer_of_row, drawn_hash, with_texts

SPARE = 2
"""Honest answers that are read for each harvested one: some are too short to compare (judgement)."""
_LONGEST_SENT = 20_000
"""Characters of a prompt or an answer that is looked through for what may not be sent (judgement: whoever compares
answers cuts them long before)."""
_Hashed = tuple[int, HarvestedAnswer]
"""The hash of an answer's id, and the answer."""


@dataclass
class _Draw:
    """One answer of each of some accounts, for one model and day: accounts and answers with the smallest hashes.

    What is drawn depends on no order.
    """

    most: int
    found: dict[str, tuple[int, _Hashed]] = field(default_factory=dict)
    largest: int = 1 << 64

    def offer(self, account: str, hashed: int, answer: HarvestedAnswer, seed: int) -> None:
        """Take an answer if it can still be drawn."""
        own = (drawn_hash(answer.request_id, seed), answer)
        if hashed <= self.largest and (
            account not in self.found or _build_answer_sort_key(own) < _build_answer_sort_key(self.found[account][1])
        ):
            self.found[account] = hashed, own
        if len(self.found) > 2 * self.most:
            self.found = self._select_smallest_draws()
            self.largest = max(hashed for hashed, _ in self.found.values())

    def drawn(self) -> list[_Hashed]:
        """The answers, with the hashes of their ids."""
        return [own for _, own in self._select_smallest_draws().values()]

    def _select_smallest_draws(self) -> dict[str, tuple[int, _Hashed]]:
        chosen = sorted(self.found.items(), key=lambda one: (one[1][0], one[0]))
        return dict(chosen[: self.most])


def honest_answers(
    source: AnswerLogs,
    harvested: Mapping[str, Sequence[HarvestedAnswer]],
    usable: Callable[[HarvestedAnswer], bool],
    config: Config,
    progress: Progress,
) -> dict[str, list[HarvestedAnswer]]:
    """Answers to accounts that belong to no campaign and no group, of the models and days of harvested ones.

    An account gives one answer for each model and day, so that none weighs much, such as one that nobody has found out.

    Args:
        harvested: campaign -> answers that are to be matched.

    Returns:
        Campaign -> up to twice as many answers as were harvested on each day, in the order of the hashes of their ids.

    Raises:
        InputError: the logs cannot be read.
    """
    from stillhunt.logs import reading  # start-up time

    draws: dict[tuple[str, str], dict[str, _Draw]] = defaultdict(dict)
    for campaign, answers in harvested.items():
        for stratum, count in Counter((one.model, one.day) for one in answers).items():
            draws[stratum][campaign] = _Draw(SPARE * count)
    with reading(source.logs, None, config, mapping=source.mapping, progress=progress) as (batches, _):
        for table in batches:
            for row, hashed, own in _iterate_candidate_rows(table, source.members, draws, config.seed):
                answer = answer_of_row(row)
                if usable(answer):
                    for one in own:
                        one.offer(row["account_id"], hashed, answer, config.seed)
    return {
        campaign: [
            answer
            for _, answer in sorted(
                (pair for own in draws.values() if campaign in own for pair in own[campaign].drawn()),
                key=_build_answer_sort_key,
            )
        ]
        for campaign in harvested
    }


def _iterate_candidate_rows(
    table: pa.Table, members: pa.Array, draws: Mapping[tuple[str, str], dict[str, _Draw]], seed: int
) -> Iterator[tuple[dict[str, Any], int, list[_Draw]]]:
    """Rows with texts of other accounts, each with the hash of its account and the draws into which it may go."""
    plain = pc.and_(pc.is_null(table["other_settings"]), pc.is_null(table["tools"]))  # so that it can be drawn again
    table = with_texts(table.filter(pc.and_(plain, pc.invert(pc.is_in(table["account_id"], value_set=members)))))
    accounts = table["account_id"].to_pylist()
    hashes = {one: drawn_hash(one, seed) for one in set(accounts)}
    days = [one.isoformat() for one in table["timestamp"].cast(pa.date32()).to_pylist()]
    found: list[tuple[int, list[_Draw]]] = []
    for place, stratum in enumerate(zip(table["model"].to_pylist(), days, strict=True)):
        hashed = hashes[accounts[place]]
        own = [one for one in draws.get(stratum, {}).values() if hashed <= one.largest]
        if own:
            found.append((place, own))
    rows = table.take(pa.array([place for place, _ in found], pa.int64())).to_pylist()
    for row, (place, own) in zip(rows, found, strict=True):
        yield row, hashes[accounts[place]], own


def _build_answer_sort_key(one: _Hashed) -> tuple[int, str, str, str]:
    hashed, answer = one
    return hashed, answer.request_id, answer.prompt, answer.answer


def sort_out_sendable(answers: Sequence[HarvestedAnswer]) -> tuple[list[HarvestedAnswer], Counter[str]]:
    """Answers in which redaction finds nothing to hide, and why others are left out -> how many.

    A text in which something is hidden is no draw of the teacher any more, and its prompt not the one that was asked;
    so it is left out whole.
    """
    kept, left_out = list[HarvestedAnswer](), Counter[str]()
    for one in answers:
        texts = (one.prompt, one.answer)
        if max(map(len, texts)) > _LONGEST_SENT:
            left_out[f"longer than {_LONGEST_SENT:,} characters"] += 1
        elif any(redacted(text) != text for text in texts):
            left_out["names, addresses, numbers or secrets"] += 1
        else:
            kept.append(one)
    return kept, left_out
