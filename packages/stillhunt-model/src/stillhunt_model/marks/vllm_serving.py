"""The standing mark in vLLM, for both of its interfaces to logits processors; nothing else here imports vLLM.

    vllm serve MODEL --logits-processors stillhunt_model.marks.vllm_serving:MarkedRequests      # model runner V2
    vllm serve MODEL --logits-processors stillhunt_model.marks.vllm_serving:MarkedRequestsV1    # before vLLM 0.32

A request says whose it is in `vllm_xargs`: {"stillhunt_account": ID}. Your gateway must set it, over whatever a client
sent; without it an answer has the mark of the group `others`. Keys and groups are found by the settings, and read when
the server starts: start it anew after `stillhunt model mark groups`.
"""

from importlib import import_module
from typing import Any

from transformers import AutoTokenizer

from stillhunt import Config, ConfigError
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_model.marks.gate import gate_of
from stillhunt_model.marks.keys import OTHER_ACCOUNTS, StandingMarks, read_standing_marks
from stillhunt_model.marks.standing import MarkedAnswer, mark_answers
from stillhunt_model.orders.register import model_folder
from stillhunt_model.tasks.answer_rows import account_of

ACCOUNT_FIELD = "stillhunt_account"
"""In the extra arguments of a request."""


class RequestMarks:
    """What both interfaces share: the keys, the gate, and an answer for each request.

    `tokenizer`: of the model that is served. `marks`: all keys; None reads them by the settings.
    """

    def __init__(self, tokenizer: Any, marks: StandingMarks | None = None) -> None:
        self.gate = gate_of(tokenizer)
        self.marks = marks or _read_marks_by_settings()
        self.answers: dict[int, MarkedAnswer] = {}

    def begin(self, place: int, params: Any, tokens: list[int]) -> None:
        """A request takes a place in the batch, whoever had it before.

        `params`: its sampling parameters. `tokens`: of its answer so far.
        """
        try:
            group = self.marks.group_of(account_of((params.extra_args or {}).get(ACCOUNT_FIELD)))
        except TypeError:
            group = OTHER_ACCOUNTS
        self.answers[place] = MarkedAnswer(self.marks.keys_of(group), tokens, float(params.temperature))

    def move(self, start: int, end: int, *, swap: bool) -> None:
        """A request takes another place; with a swap the other one takes its place."""
        moved, other = self.answers.pop(start, None), self.answers.pop(end, None)
        if moved is not None:
            self.answers[end] = moved
        if swap and other is not None:
            self.answers[start] = other

    def mark_rows(self, logits: Any, places: list[int]) -> Any:
        """Logits with the mark.

        `places`: of the request of each row.
        """
        unmarked = MarkedAnswer((None, None), [])
        return mark_answers(
            logits, [self.answers.get(place, unmarked) for place in places], self.marks.layers, self.gate
        )


def _read_marks_by_settings() -> StandingMarks:
    config = Config.load()
    keys = keys_folder(config)
    marks = read_standing_marks(keys, model_folder(config))
    if marks is None:
        raise ConfigError(
            "there is no key of a standing mark",
            where=str(keys),
            next_step="make one before the server starts",
            command_step="'stillhunt model mark keys' makes one",
        )
    return marks


def _tokenizer_of(vllm_config: Any) -> Any:
    if getattr(vllm_config, "speculative_config", None) is not None:
        raise ValueError("the standing mark needs a server without speculative decoding: drafts would not be marked")
    return AutoTokenizer.from_pretrained(vllm_config.model_config.tokenizer, trust_remote_code=False)


def _interface(module: str) -> Any:
    """A class of vLLM; where this vLLM lacks it, one of nothing, so that the other one can be loaded."""
    try:
        return import_module(module).LogitsProcessor
    except ImportError:
        return object


class MarkedRequestsV1(_interface("vllm.v1.sample.logits_processor")):  # type: ignore[misc]  # vLLM is where the server is
    """The mark under the interface of vLLM 0.10 to 0.31, and of later ones with VLLM_USE_V2_MODEL_RUNNER=0."""

    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:
        del device, is_pin_memory
        self._requests = RequestMarks(_tokenizer_of(vllm_config))

    def is_argmax_invariant(self) -> bool:
        """The likeliest token may become another one."""
        return False

    def update_state(self, batch_update: Any) -> None:
        """Follow the batch: what left it, what came, and what moved, in this order."""
        if batch_update is None:
            return
        for place in batch_update.removed:
            self._requests.answers.pop(place, None)
        for place, params, _, tokens in batch_update.added:
            self._requests.begin(place, params, tokens)  # the list of tokens grows there
        for start, end, direction in batch_update.moved:
            self._requests.move(start, end, swap=direction.name == "SWAP")

    def apply(self, logits: Any) -> Any:
        """Logits with the mark, a row for each request."""
        return self._requests.mark_rows(logits, list(range(len(logits))))


class MarkedRequests(_interface("vllm.v1.worker.gpu.sample.logits_processor")):  # type: ignore[misc]  # as above
    """The mark under the interface of the model runner V2, of vLLM 0.32 and later."""

    def __init__(self, vllm_config: Any, req_states: Any) -> None:
        self._requests, self._states = RequestMarks(_tokenizer_of(vllm_config)), req_states

    def add_request(self, req_idx: int, sampling_params: Any) -> bool:
        """A request takes a slot; all of them are marked."""
        self._requests.begin(req_idx, sampling_params, [])
        return True

    def apply(self, logits: Any, ctx: Any) -> Any:
        """Logits with the mark; the tokens that came since the last step are read from the server's own table."""
        for slot in ctx.idx_mapping_np.tolist():
            tokens = self._requests.answers[slot].tokens
            start = int(self._states.prompt_len.np[slot]) + len(tokens)
            end = int(self._states.total_len.gpu[slot])
            tokens += self._states.all_token_ids.gpu[slot, start:end].tolist()
        return self._requests.mark_rows(logits, ctx.expanded_idx_mapping.tolist())
