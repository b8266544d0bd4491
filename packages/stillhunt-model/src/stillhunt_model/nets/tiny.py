"""Tiny models made from nothing: the offline default."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from stillhunt_model.nets.net import Net

PADDING_TOKEN, END_TOKEN = "<pad>", "<end>"


@dataclass(frozen=True)
class TinySize:
    """Shape of a tiny Llama."""

    width: int = 128
    layers: int = 4
    heads: int = 4  # attention heads of each layer; they divide the width
    longest: int = 256  # most tokens of prompt and answer together


def tiny_net(size: TinySize, tokenizer: Any, seed: int, name: str = "tiny") -> Net:
    """A model with random weights."""
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    try:
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=size.width,
                num_hidden_layers=size.layers,
                num_attention_heads=size.heads,
                num_key_value_heads=size.heads,
                intermediate_size=3 * size.width,
                max_position_embeddings=size.longest,
                tie_word_embeddings=True,
                bos_token_id=None,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
    finally:
        torch.random.set_rng_state(state)
    return Net(model, tokenizer, name)


def byte_tokenizer() -> Any:
    """One token for each byte: nothing is learned, and every text has a form."""
    return _wrap_fast_tokenizer(Tokenizer(models.BPE(vocab=_byte_vocabulary(), merges=[])))


def text_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """Byte-pair encoding learned from texts.

    `vocabulary`: number of tokens, those for bytes, padding and end included.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PADDING_TOKEN, END_TOKEN],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _wrap_fast_tokenizer(tokenizer)


def _byte_vocabulary() -> dict[str, int]:
    return {
        sign: place
        for place, sign in enumerate([PADDING_TOKEN, END_TOKEN, *sorted(pre_tokenizers.ByteLevel.alphabet())])
    }


def _wrap_fast_tokenizer(tokenizer: Tokenizer) -> Any:
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PADDING_TOKEN, eos_token=END_TOKEN, clean_up_tokenization_spaces=False
    )
