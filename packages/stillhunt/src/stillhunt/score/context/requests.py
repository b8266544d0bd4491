"""The requests of the judged accounts and of the background sample, as arrays in canonical order."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import Flags, Floats, Hashes, Ints, ranges
from stillhunt.base.coded import coded, codes, joined
from stillhunt.base.column_files import mapped_array
from stillhunt.base.conduct_flags import BITS
from stillhunt.base.exact_prompts import exact_prompts
from stillhunt.base.schema import SAMPLING_PARAMETERS
from stillhunt.base.units import DAY
from stillhunt.score import kernels
from stillhunt.score.context.coding import whole_numbers

# Share of all requests up to which a word is rare (a word in one of 500 requests belongs to a subject, not to a
# language)
_MAX_LOG_SHARE = 0.002
# The same as a number of requests, where the share is less than that (a small log has few requests)
_MAX_LOG_REQUESTS = 5


FOLLOW_UP = BITS["FOLLOW_UP"]


_AT_ONCE = 1 << 20  # Words that are counted at once (bounds memory)
# Words up to which any later turn counts as one that a person wrote (people ask back in a sentence; programs send their
# template again)
_SHORT_TURN_WORDS = 12
# Conduct flags of requests that drive tools, and of answers that call one
_STEPS = BITS["AGENT_TRAJECTORY"] | BITS["AGENT_ANSWER"]
# Words up to which a person sends the same later turn again ("go on"; a script sends whole sentences word for word)
_REPEATED_TURN_WORDS = 5


@dataclass(frozen=True)
class Requests:
    """Columns of TRAFFIC and SLICED, coded as whole numbers; one entry a request unless said otherwise."""

    account: Ints  # position of the account in the log's ids; ascending
    accounts: int
    cluster: Ints  # content cluster, or the label of an untemplated slice; -1 neither
    untemplated: Flags  # True in an untemplated slice
    fold: Ints  # 0 or 1; a group found on one fold is judged on the other
    topic: Ints
    first_occurrence: Flags  # False where the account had already sent the same prompt
    request_style: Ints  # 1 where the request sets a sampling parameter, 0 where not
    client_fingerprint: Ints  # code of user agent and TLS fingerprint together; -1 unknown
    time: Ints
    # phrases of each that several accounts of its group send, and hardly anybody else; -1 where nobody looked
    own_phrases: Ints
    table: pa.Table  # TRAFFIC, for the columns that are coded when somebody asks for them
    _numbers: dict[str, Ints] = field(default_factory=dict, repr=False, compare=False)

    def numbers(self, name: str, rows: Ints | None = None) -> Ints:
        """A column of whole numbers; -1 where unknown."""
        if name not in self._numbers:
            self._numbers[name] = mapped_array(whole_numbers(self.table.column(name)))
        column = self._numbers[name]
        return column if rows is None else column[rows]

    @cached_property
    def first(self) -> Ints:
        """First request of each account, and the number of requests last."""
        return np.searchsorted(self.account, np.arange(self.accounts + 1, dtype=np.int32))

    def of_accounts(self, accounts: Ints) -> Ints:
        """Positions of all requests of some accounts, ascending."""
        return ranges(self.first[accounts], self.first[accounts + 1])

    def owners(self, accounts: Ints) -> Ints:
        """For each request of some accounts, in the order of `of_accounts`, the position of its account among them."""
        return np.repeat(np.arange(len(accounts)), self.first[accounts + 1] - self.first[accounts])

    @cached_property
    def span(self) -> tuple[int, int]:
        """Times of the first and the last request, microseconds since 1970."""
        return int(self.time.min(initial=np.iinfo(np.int64).max)), int(self.time.max(initial=0))

    def day(self, rows: Ints | slice) -> Ints:
        """Days of 24 hours from the log's first request to each of some requests."""
        return (self.time[rows] - self.span[0]) // DAY

    @cached_property
    def topics(self) -> int:
        """One more than the highest topic."""
        return int(self.topic.max(initial=-1)) + 1

    @cached_property
    def days(self) -> int:
        """Days of the log, the last one counted even if it is incomplete; 0 for an empty log."""
        return (self.span[1] - self.span[0]) // DAY + 1 if len(self.time) else 0

    @cached_property
    def prompt_hash(self) -> Hashes:
        """Hash of each prompt, in which all numbers are alike; 0 where there is none."""
        column: Hashes = self.table.column("prompt_hash").to_numpy()
        return column

    @cached_property
    def exact_prompt(self) -> Hashes:
        """Hash of each prompt with its numbers; 0 where there is none."""
        return mapped_array(exact_prompts(self.table))

    @cached_property
    def conversation(self) -> Hashes:
        """Hash of each request's conversation."""
        column: Hashes = self.table.column("conversation").to_numpy()
        return column

    @cached_property
    def first_of_conversation(self) -> Flags:
        """True for the earliest request of each conversation of an account, where the log shows how it began.

        A step of a tool that is alone in its conversation belongs to one that the log does not name. Any other later
        turn counts, because whoever sends a made-up history with each prompt would begin nothing.
        """
        rows = np.asarray(kernels.first_of_pairs(self.first, self.conversation, np.ones(len(self.time), bool)), bool)
        more = np.asarray(kernels.count_in_runs(self.first, self.conversation, ~rows), bool)
        return mapped_array(
            np.asarray(rows & (more | (self.turn <= 0) | ((self.numbers("conduct") & _STEPS) == 0)), bool)
        )

    @cached_property
    def topic_words(self) -> tuple[Ints, Ints]:
        """Where each request's topic words begin, one more than requests, and the words as buckets."""
        column = self.table.column("topic_words")
        lists = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        begins: Ints = lists.offsets.to_numpy()
        return begins, lists.values.to_numpy()

    @cached_property
    def rare_words(self) -> Ints:
        """1 for each word bucket that stands in few of the requests."""
        words = self.topic_words[1]
        counts = np.zeros(1 << 16, np.int64)
        # Counting makes wide numbers of narrow ones, so it takes some at a time.
        for first in range(0, len(words), _AT_ONCE):
            counts += np.bincount(words[first : first + _AT_ONCE], minlength=len(counts))
        rare: Ints = (counts <= max(_MAX_LOG_SHARE * len(self.time), _MAX_LOG_REQUESTS)).astype(np.uint8)
        return rare

    @cached_property
    def turn(self) -> Ints:
        """Turn of each request, counted from the earliest of its account; -1 where unknown.

        Answers that stand in each call of an account are examples of its template, and no conversation.
        """
        turn = self.numbers("turn")
        known = np.where(turn >= 0, turn, np.iinfo(turn.dtype).max)
        filled = np.flatnonzero(np.diff(self.first) > 0)
        earliest = np.zeros(self.accounts, turn.dtype)
        if len(filled):
            earliest[filled] = np.minimum.reduceat(known, self.first[filled])
        counted: Ints = np.where(turn >= 0, turn - earliest[self.account], turn)
        return mapped_array(counted)

    @cached_property
    def human_turns(self) -> npt.NDArray[np.uint8]:
        """How often somebody asks back as people do in each request's conversation, at most 255 times."""
        return mapped_array(kernels.count_in_runs(self.first, self.conversation, self.asks_back))

    @cached_property
    def asks_back(self) -> Flags:
        """True for later turns that look as if a person had written them."""
        words, conduct = self.numbers("words"), self.numbers("conduct")
        # Where tools are driven, a short later turn may as well be what a tool answered.
        human = ((words <= _SHORT_TURN_WORDS) & ((conduct & _STEPS) == 0)) | ((conduct & FOLLOW_UP) > 0)
        human &= self.first_occurrence | (words <= _REPEATED_TURN_WORDS)
        return mapped_array(np.asarray(human & (self.turn > 0), bool))

    @cached_property
    def model(self) -> Ints:
        """Model of each request, coded in order of first appearance."""
        return mapped_array(coded(self.table.column("model")))

    @cached_property
    def settings(self) -> Ints:
        """Joint code of each request's temperature, top_p and max_tokens; -1 where all are left to the default."""
        joint: Ints = np.full(len(self.time), -1, np.int32)
        for name in SAMPLING_PARAMETERS:
            column = pc.dictionary_encode(self.table.column(name)).combine_chunks()
            if len(column.dictionary):
                # Thousandths: a client's 0.7 is 0.7 in single precision too.
                # An absurd max_tokens may lose its last digits: it is only compared.
                thousandths = pc.round(pc.multiply(column.dictionary.cast(pa.float64(), safe=False), 1000.0))
                joint = joined(joint, np.append(coded(thousandths), np.int32(-1))[codes(column)[0]])
        return mapped_array(joint)

    @cached_property
    def sampling_rates(self) -> Floats | None:
        """Share of such calls that the log keeps, for each request; None where it keeps all of them."""
        column = self.table.column("sampling_rate")
        rates = None if column.null_count == len(column) else pc.fill_null(column, 1.0).to_numpy()
        return None if rates is None or (rates >= 1.0).all() else rates
