"""Model folders that are written completely or not at all."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhunt import OutputError
from stillhunt_model.nets.chat_frame import frame_of


@dataclass(frozen=True)
class Net:
    """A causal language model that runs here."""

    model: Any  # a causal language model of transformers
    tokenizer: Any  # its tokenizer, a fast one of transformers, with an end and a padding token
    name: str  # what it is called in tables and messages

    @property
    def parameters(self) -> int:
        """Number of parameters; tied ones count once."""
        return sum(one.numel() for one in self.model.parameters())

    @property
    def longest(self) -> int:
        """Most tokens of prompt and answer together."""
        return int(getattr(self.model.config, "max_position_embeddings", 2048))


def prompt_ids(net: Net, prompts: Sequence[str]) -> list[list[int]]:
    """Tokens of prompts as the model takes them: by its chat template, or as lines where it has none.

    Raises InputError: the chat template cannot be used.
    """
    frame = frame_of(net.tokenizer, net.name)
    return plain_ids(net, [f"{prompt}\n" if frame is None else frame.around(prompt) for prompt in prompts])


def plain_ids(net: Net, texts: Sequence[str]) -> list[list[int]]:
    """Tokens of texts, without any that the tokenizer would add."""
    if not texts:
        return []
    return [list(ids) for ids in net.tokenizer(list(texts), add_special_tokens=False)["input_ids"]]


def save_net(net: Net, folder: Path, more: Mapping[str, str] | None = None) -> None:
    """Write a model folder of Hugging Face: safetensors, configuration and tokenizer; beside its place first.

    Args:
        folder: where; a folder that is there must be empty.
        more: other files of the folder: name -> text.

    Raises:
        OutputError: the folder is not empty, or it cannot be written.
    """
    check_free(folder)
    beside: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".stillhunt-", suffix=".part", dir=folder.parent))
        net.model.save_pretrained(beside, safe_serialization=True)
        net.tokenizer.save_pretrained(beside)
        for name, text in (more or {}).items():
            (beside / name).write_text(text, encoding="utf-8")
        if folder.is_dir():
            folder.rmdir()  # it is empty, and fails if it no longer is
        beside.rename(folder)
    except OSError as error:
        raise OutputError(
            f"the model folder cannot be written: {error.strerror or error}",
            where=str(folder),
            next_step="nothing was left behind; free space or name another folder",
        ) from error
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)


def check_free(folder: Path) -> None:
    """Refuse a folder that holds something.

    Raises OutputError: there is a file, or a folder that is not empty.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise OutputError(
            "there is something already", where=str(folder), next_step="name a folder that does not exist, or is empty"
        )
