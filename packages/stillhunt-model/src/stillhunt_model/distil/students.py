"""The student before it learns: a tiny one of the teacher's tokens, or a model folder."""

from __future__ import annotations

import copy
import hashlib
import re
from pathlib import Path

from stillhunt import ConfigError
from stillhunt_model.nets.loading import load_net
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize, tiny_net

TINY = "tiny"
_SHAPE = re.compile(r"tiny(?::(\d+)x(\d+))?", re.ASCII)
_WIDEST, _DEEPEST = 9999, 99
_WIDTH, _LAYERS, _HEAD = 64, 2, 16
_LONGEST = 1024
"""Most tokens of prompt and answer of a tiny student; its memory grows with them only where they are used."""
_DIGITS = 9
"""Of a number in a shape; longer ones are too large whatever they are."""
_BLOCK = 1 << 20


def new_student(wanted: str, teacher: Net, seed: int) -> Net:
    """A student that has learned nothing from the teacher yet.

    Args:
        wanted: `tiny`, `tiny:WIDTHxLAYERS`, or a model folder or GGUF file.
        teacher: whose tokens a tiny student speaks.
        seed: of the weights of a tiny student.

    Raises:
        ConfigError: the shape is not one.
        InputError: the folder holds no model.
    """
    shape = _SHAPE.fullmatch(wanted)
    if shape is None:
        return load_net(Path(wanted), "student")
    numbers = (shape[1], shape[2]) if shape[1] else (str(_WIDTH), str(_LAYERS))
    width, layers = (int(one) if len(one) <= _DIGITS else _WIDEST + 1 for one in numbers)
    if not 1 <= layers <= _DEEPEST or not _HEAD <= width <= _WIDEST or width % _HEAD:
        noun = "layer" if numbers[1] == "1" else "layers"
        raise ConfigError(
            f"a tiny student of width {numbers[0][:_DIGITS]} and {numbers[1][:_DIGITS]} {noun} cannot be built",
            next_step=f"name a width that is a multiple of {_HEAD} and at most {_WIDEST:,}, and 1 to {_DEEPEST} "
            "layers, such as tiny:64x2",
        )
    size = TinySize(width, layers, width // _HEAD, min(_LONGEST, teacher.longest))
    return tiny_net(size, teacher.tokenizer, seed, "student")


def copy_of(net: Net, name: str) -> Net:
    """The same model with weights of its own."""
    return Net(copy.deepcopy(net.model), net.tokenizer, name)


def model_hash(path: Path) -> str:
    """SHA-256 over the weights and the configuration of a model folder or GGUF file.

    Args:
        path: folder or file that `load_net` read.
    """
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted([*path.glob("*.safetensors"), *path.glob("*.json")])
    for file in files:
        digest.update(f"{file.name if path.is_dir() else ''}:{file.stat().st_size};".encode())
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def weights_hash(net: Net) -> str:
    """SHA-256 over the weights of a model as it is now."""
    digest = hashlib.sha256()
    for name, tensor in sorted(net.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
