"""Models of local folders and GGUF files, opened without running code of theirs.

A model folder may come from anybody. Nothing in it is code or a pickle to us, nothing is fetched for it, what its
configuration claims is compared with the bytes that are there before memory is taken, and its chat template is rendered
once, within bounds, by `chat_frame`.
"""

import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedTokenizerFast,
)

from stillhunt import InputError
from stillhunt.tools import escape_controls, plural, shorten
from stillhunt_model.nets.chat_frame import frame_of
from stillhunt_model.nets.headers import WeightsClaim, read_gguf_header, read_safetensors_claim
from stillhunt_model.nets.net import Net

CONFIG = "config.json"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
LARGEST_CONFIG = 1 << 20
"""Bytes of a configuration; real ones have some thousands."""
LARGEST_TOKENIZER = 1 << 27
"""Bytes of a tokenizer's file; the largest real ones have some 35 MB."""
_PARTS = re.compile(r"(?!.*(size|dim|rank|length)).*(layer|block|expert|depth|stage)", re.IGNORECASE)
"""Names of settings that say how often something is built: each such part has a tensor of its own."""
_SPARE, _SPARE_BUFFERS = 1.1, 4
"""Parameters and elements of tables that a configuration may claim for each weight in the file: some files leave out
what can be computed."""
_SHOWN, _LONGEST_REASON = 80, 200
"""Characters shown of a name, and of a library's reason."""
_SMALL = 1 << 24
"""Elements of tables that any model may have, such as masks of positions."""


def load_net(path: Path, name: str = "", dtype: Any = torch.float32) -> Net:
    """A causal language model of a Hugging Face folder or a GGUF file, in 32-bit floats.

    Args:
        path: folder with `config.json`, a tokenizer and safetensors; or a file that ends in `.gguf`.
        name: what it is called; by default the name of the folder or file.
        dtype: of PyTorch, in which it is kept and computes.

    Raises:
        InputError: there is nothing, it is damaged or of an unknown kind, or it has only pickles.
    """
    if path.suffix.lower() == ".gguf" and not path.is_dir():
        return _from_gguf(path, name or path.stem, dtype)
    if not path.is_dir():
        raise InputError(
            "there is no such model folder" if not path.exists() else "this is neither a model folder nor a GGUF file",
            where=str(path),
            next_step="name a folder with config.json and safetensors, or a file that ends in .gguf",
        )
    return _from_folder(path, name or path.resolve().name, dtype)


def count_weights(path: Path) -> int:
    """Weights of a model folder or a GGUF file, by the headers alone.

    Raises InputError: they cannot be read.
    """
    if path.suffix.lower() == ".gguf" and path.is_file():
        return read_gguf_header(path).claim.elements
    if not path.is_dir():
        return 0  # whoever opens it says so
    return sum(read_safetensors_claim(file).elements for file in _weight_files(path))


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a model folder alone, without its weights.

    Raises InputError: there is none, or it is damaged or has no fast form.
    """
    try:
        _check_tokenizer_files(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # hostile files raise anything
        raise _build_unusable_model_error("the tokenizer cannot be read", folder, error) from error
    if not getattr(tokenizer, "is_fast", False):
        raise InputError("the tokenizer has no fast form", where=str(folder), next_step="save it as tokenizer.json")
    return tokenizer


def _check_tokenizer_files(folder: Path) -> None:
    for one in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "tokenizer.model"):
        _check_size(folder / one, LARGEST_TOKENIZER)


def _from_folder(folder: Path, name: str, dtype: Any) -> Net:
    config = _json_of(folder / CONFIG, LARGEST_CONFIG, _without_config(folder))
    _check_tokenizer_files(folder)
    if _is_quantised(folder, config):
        raise InputError(
            "the weights are quantised, and only those of a GGUF file can be opened here",
            where=str(folder),
            next_step="serve the model, for instance with vLLM, and name the address of the server; or name a GGUF "
            "file of it, or a folder with the plain floats",
        )
    claim = WeightsClaim(0, 0)
    for file in _weight_files(folder):
        claim = claim.plus(read_safetensors_claim(file))
    _check_parts(config, claim, folder / CONFIG)
    return _open_checked_model(folder, name, claim, dtype)


def _is_quantised(folder: Path, config: dict[str, Any]) -> bool:
    """Whether a folder's weights are not plain floats.

    GPTQ, AWQ, bitsandbytes and FP8 say so in the configuration, MLX under a name of its own; older tools write a file.
    """
    return any(config.get(one) is not None for one in ("quantization_config", "quantization")) or any(
        (folder / one).exists() for one in ("quantize_config.json", "quant_config.json")
    )


def _from_gguf(path: Path, name: str, dtype: Any) -> Net:
    if not path.is_file():
        raise InputError("there is no such file", where=str(path), next_step="name a GGUF file that exists")
    header = read_gguf_header(path)
    _check_parts(header.settings, header.claim, path)
    # Alone in a folder: what lies beside the file is none of the model.
    with TemporaryDirectory(prefix="stillhunt-gguf-") as scratch:
        (Path(scratch) / "model.gguf").symlink_to(path.resolve())
        return _open_checked_model(Path(scratch), name, header.claim, dtype, gguf=path)


def _open_checked_model(folder: Path, name: str, claim: WeightsClaim, dtype: Any, gguf: Path | None = None) -> Net:
    """The model of a folder whose files were looked at; of a GGUF file, the folder in which it stands alone."""
    shown, more = gguf or folder, {} if gguf is None else {"gguf_file": "model.gguf"}
    safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False, **more}
    try:
        config = AutoConfig.from_pretrained(folder, **safely)
        with torch.device("meta"):  # shapes without memory
            empty = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception as error:  # hostile files raise anything
        raise _build_unusable_model_error(
            "the configuration is of no causal model that can be built here", shown, error
        ) from error
    _check_claim(empty, claim, shown)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **safely)
    except Exception as error:  # hostile files raise anything
        raise _build_unusable_model_error("the tokenizer cannot be read", shown, error) from error
    try:
        with redirect_stderr(io.StringIO()):  # transformers draws a bar for GGUF that no setting turns off
            model, found = AutoModelForCausalLM.from_pretrained(
                folder, config=config, dtype=dtype, use_safetensors=True, output_loading_info=True, **safely
            )
    except Exception as error:  # hostile files raise anything
        raise _build_unusable_model_error("the weights cannot be read", shown, error) from error
    if missing := sorted(found.get("missing_keys", [])):
        raise InputError(
            f"the weights lack {len(missing)} of the model's tensors, such as {shorten(missing[0], _SHOWN)}",
            where=str(shown),
            next_step="save the whole model again",
        )
    _check_finite(model, shown)
    return _prepare_loaded_net(model, tokenizer, name, shown)


def _as_plain(model: Any) -> None:
    """Take the signs of quantisation from a model whose weights were decoded, so that it can be trained and saved."""
    model.is_quantized = False
    for holder, name in (
        (model, "hf_quantizer"),
        (model, "quantization_method"),
        (model.config, "quantization_config"),
    ):
        if hasattr(holder, name):
            delattr(holder, name)


def _prepare_loaded_net(model: Any, tokenizer: Any, name: str, shown: Path) -> Net:
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(
            "the tokenizer has no fast form", where=str(shown), next_step="save it as tokenizer.json next to the model"
        )
    if shown.suffix.lower() == ".gguf":
        _as_plain(model)
        tokenizer = _without_strays(tokenizer, int(model.get_input_embeddings().weight.shape[0]))
    if tokenizer.eos_token_id is None:
        raise InputError("the tokenizer has no end token", where=str(shown), next_step="set its eos_token")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    rows = int(model.get_input_embeddings().weight.shape[0])
    if max(tokenizer.get_vocab().values()) >= rows:
        raise InputError(
            f"the tokenizer has {len(tokenizer):,} tokens and the model only {rows:,}",
            where=str(shown),
            next_step="use the tokenizer with which the model was trained",
        )
    # Penalties and processors that a folder asks for would change what is drawn, and every test that rests on it.
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.config.pad_token_id = tokenizer.pad_token_id
    frame_of(tokenizer, str(shown))
    return Net(model.eval(), tokenizer, name)


def _without_strays(tokenizer: Any, rows: int) -> Any:
    """A tokenizer without special tokens beyond the model, which transformers adds where a GGUF file names none."""
    document = json.loads(tokenizer.backend_tokenizer.to_str())
    strays = {one["content"] for one in document["added_tokens"] if one["id"] >= rows}
    if not strays:
        return tokenizer
    document["added_tokens"] = [one for one in document["added_tokens"] if one["id"] < rows]
    kept = {
        name: token
        for name, token in tokenizer.special_tokens_map.items()
        if isinstance(token, str) and token not in strays
    }
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(document)),
        clean_up_tokenization_spaces=False,
        chat_template=tokenizer.chat_template,
        **kept,
    )


def _weight_files(folder: Path) -> list[Path]:
    """Safetensors of a folder: the one file, or those of its index."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if index.is_file():
        named = _json_of(index, LARGEST_TOKENIZER, "").get("weight_map", {})
        names = {str(one) for one in named.values()} if isinstance(named, dict) else set()
        files = [folder / one for one in sorted(names)]
        if files and all(file.parent == folder and file.suffix == ".safetensors" and file.is_file() for file in files):
            return files
        raise InputError(
            "the index names files that are not in the folder", where=str(index), next_step="copy the folder again"
        )
    if any(file.suffix in PICKLES for file in folder.iterdir()):
        raise InputError(
            "the weights are pickles, which can run code when they are opened",
            where=str(folder),
            next_step="convert them to safetensors where they come from: model.save_pretrained(folder)",
        )
    raise InputError(
        "the folder has no weights", where=str(folder), next_step="it needs model.safetensors next to config.json"
    )


def _without_config(folder: Path) -> str:
    if (folder / "adapter_config.json").exists():
        return "the folder has an adapter, not a whole model; merge it into its model first"
    return "the folder has no config.json"


def _json_of(file: Path, largest: int, missing: str) -> dict[str, Any]:
    if not file.is_file():
        raise InputError(
            missing, where=str(file.parent), next_step="name a folder that save_pretrained of transformers wrote"
        )
    _check_size(file, largest)
    try:
        document = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError("the file is no JSON", where=str(file), next_step="copy the folder again") from error
    if not isinstance(document, dict):
        raise InputError("the file is no JSON object", where=str(file), next_step="copy the folder again")
    return document


def _check_size(file: Path, largest: int) -> None:
    if file.is_file() and file.stat().st_size > largest:
        raise InputError(
            f"the file is larger than {largest:,} bytes", where=str(file), next_step="no real model needs so much"
        )


def _check_parts(settings: dict[str, Any], claim: WeightsClaim, shown: Path) -> None:
    """Refuse settings that would have more parts built than there are tensors; building alone would take for ever."""
    for key, value in _iterate_setting_numbers(settings):
        if _PARTS.match(key) and value > claim.tensors:
            raise _too_much(f"{key} is {value:,}, and the weights have {plural(claim.tensors, 'tensor')}", shown)


def _check_claim(empty: Any, claim: WeightsClaim, shown: Path) -> None:
    wanted = sum(one.numel() for one in empty.parameters())
    if wanted > _SPARE * claim.elements:
        raise _too_much(f"it claims {plural(wanted, 'parameter')}, and the weights have {claim.elements:,}", shown)
    tables = sum(one.numel() for one in empty.buffers())
    if tables > _SPARE_BUFFERS * claim.elements + _SMALL:
        raise _too_much(f"its tables have {tables:,} elements, and the weights {claim.elements:,}", shown)


def _check_finite(model: Any, shown: Path) -> None:
    for key, tensor in model.named_parameters():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(
                f"the weights hold what is no finite number, such as in {shorten(key, _SHOWN)}",
                where=str(shown),
                next_step="use an earlier checkpoint of the model, or copy it again; it can answer nothing",
            )


def _iterate_setting_numbers(settings: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, int]]:
    if isinstance(settings, dict) and depth < 8:
        for name, value in settings.items():
            yield from _iterate_setting_numbers(value, str(name), depth + 1)
    elif isinstance(settings, int) and not isinstance(settings, bool):
        yield key, settings


def _too_much(what: str, shown: Path) -> InputError:
    return InputError(
        f"the configuration claims more than the weights hold: {shorten(what, _LONGEST_REASON)}",
        where=str(shown),
        next_step="the folder is damaged, or made to exhaust memory; get it again from where it comes",
    )


def _build_unusable_model_error(what: str, shown: Path, error: Exception) -> InputError:
    reason = escape_controls(" ".join(str(error).split())[:_LONGEST_REASON]) or type(error).__name__
    return InputError(
        f"{what}: {reason}", where=str(shown), next_step="copy it again, or save it with this version of transformers"
    )
