"""Many candidates on several threads."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from threading import Lock

from stillhunt.base.progress import Advance
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.verdict.verdict import Judged


def judge_all(
    found: list[Candidate], judge_one: Callable[[Candidate], Judged], threads: Executor, advance: Advance
) -> list[Judged]:
    """Judge all candidates.

    The smallest comes first and alone, so that what all candidates ask of the log is counted once. Then one thread
    takes the largest that is left, which may hold most of the log, and the others the smallest. So large ones meet only
    when few are left, and the last ones are not large where others have nothing left to do.

    Args:
        found: candidates; emptied, since what is judged has requests of its own, and theirs take much memory.
        judge_one: judges one of them, on any thread.
        threads: what judges them.
        advance: told of each that is judged.

    Returns:
        What was judged, in the order of the candidates.
    """
    waiting = deque(sorted(enumerate(found), key=lambda one: len(one[1].rows)))
    found.clear()
    judged: dict[int, Judged] = {}
    largest = Lock()

    def judge_next(_turn: int) -> tuple[int, Judged]:
        takes_largest = largest.acquire(blocking=False)
        try:
            place, candidate = waiting.pop() if takes_largest else waiting.popleft()
            return place, judge_one(candidate)
        finally:
            if takes_largest:
                largest.release()

    if waiting:
        place, smallest = waiting.popleft()
        judged[place] = judge_one(smallest)
        advance(1)
    for place, one in threads.map(judge_next, range(len(waiting))):
        judged[place] = one
        advance(1)
    return [judged[place] for place in sorted(judged)]
