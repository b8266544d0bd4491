"""Models of folders and GGUF files: what is read, and what is refused in words before memory is taken."""

from __future__ import annotations

import json
import os
import pickle
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

import gguf
import numpy as np
import torch
from safetensors.torch import load_file, save_file

from stillhunt.base.errors import InputError, OutputError
from stillhunt_model.nets.loading import load_net
from stillhunt_model.nets.net import Net, prompt_ids, save_net
from stillhunt_model.nets.tiny import END_TOKEN, TinySize, byte_tokenizer, text_tokenizer, tiny_net
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train


@pytest.fixture(scope="module")
def net() -> Net:
    return tiny_net(TinySize(32, 2, 2, 64), byte_tokenizer(), 1)


@pytest.fixture
def folder(net: Net, tmp_path: Path) -> Path:
    save_net(net, tmp_path / "net", {"README.md": "# a card\n"})
    return tmp_path / "net"


def change(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_a_saved_model_comes_back_with_its_weights_tokens_and_answers(net: Net, folder: Path) -> None:
    again = load_net(folder)
    assert again.name == "net"
    assert load_net(folder, "other").name == "other"
    assert again.tokenizer.get_vocab() == net.tokenizer.get_vocab()
    for name, tensor in net.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor)
        assert again.model.state_dict()[name].dtype == torch.float32
    prompts = ["a , b", "größer\n"]
    sampling = Sampling(tokens=6, seed=3)
    assert generate(again, prompts, sampling) == generate(net, prompts, sampling)
    assert (folder / "README.md").read_text() == "# a card\n"
    assert not list(folder.glob("*.bin"))
    assert [one.name for one in folder.parent.iterdir()] == ["net"]  # nothing is left beside it


def test_weights_in_parts_and_in_shorter_floats_are_read_as_32_bits(net: Net, folder: Path) -> None:
    tensors = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(folder / "model.safetensors").items()}
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"a.safetensors": names[:5], "b.safetensors": names[5:]}
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, folder / file, {"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    change(folder / "config.json", quantization_config=None, quantization=None)  # null names no quantisation
    again = load_net(folder)
    assert {one.dtype for one in again.model.parameters()} == {torch.float32}
    assert torch.allclose(next(again.model.parameters()), next(net.model.parameters()), atol=1e-2)
    index["weight_map"][names[0]] = "../a.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="not in the folder"):
        load_net(folder)


def test_a_missing_padding_token_is_the_end(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    del tokenizer["pad_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    again = load_net(folder)
    assert again.tokenizer.pad_token == again.tokenizer.eos_token == END_TOKEN


def test_penalties_of_a_folder_change_nothing(net: Net, folder: Path) -> None:
    change(folder / "generation_config.json", repetition_penalty=5.0, do_sample=True, top_k=1)
    sampling = Sampling(tokens=12, temperature=0)
    assert generate(load_net(folder), ["abab"], sampling) == generate(net, ["abab"], sampling)


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.abort, ()


def only_pickles(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))


def cut_off(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def header_beyond_the_file(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + b"{}")


def code_of_its_own(folder: Path) -> None:
    (folder / "modeling_evil.py").write_text("import os\nos.abort()\n")
    change(folder / "config.json", model_type="evil", auto_map={"AutoModelForCausalLM": "modeling_evil.Evil"})


def drop_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.other.weight"] = tensors.pop("model.norm.weight").repeat(9)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


NEVER_ENDS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


def template(folder: Path, text: str) -> None:
    (folder / "chat_template.jinja").write_text(text)


def weights_with(folder: Path, value: float) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][3] = value
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def index_of_lists(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": ["x"]}}')


def shape_without_end(folder: Path) -> None:
    header = b'{"a": {"dtype": "F32", "shape": [Infinity], "data_offsets": [0, 0]}}'
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)


def one_tensor(folder: Path) -> None:
    save_file({"a": torch.zeros(2)}, folder / "model.safetensors", {"format": "pt"})


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "without config": (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
    "adapter": (
        lambda folder: (folder / "config.json").rename(folder / "adapter_config.json"),
        "an adapter, not a whole model",
    ),
    "config no json": (lambda folder: (folder / "config.json").write_text("[" * 100_000), "no JSON"),
    "config a list": (lambda folder: (folder / "config.json").write_text("[]"), "no JSON object"),
    "config too large": (lambda folder: (folder / "config.json").write_text(" " * (1 << 21)), "larger than"),
    "only pickles": (only_pickles, "pickles, which can run code"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "has no weights"),
    "cut off": (cut_off, "damaged"),
    "header beyond the file": (header_beyond_the_file, "damaged"),
    "unknown kind": (lambda folder: change(folder / "config.json", model_type="nonsense"), "no causal model"),
    "code of its own": (code_of_its_own, "no causal model"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer"),
    "quantised": (lambda folder: change(folder / "config.json", quantization_config={"bits": 4}), "quantised"),
    "quantised by MLX": (lambda folder: change(folder / "config.json", quantization={"bits": 4}), "quantised"),
    "quantised by an older tool": (lambda folder: (folder / "quantize_config.json").write_text("{}"), "quantised"),
    "a billion layers": (lambda folder: change(folder / "config.json", num_hidden_layers=10**9), "claims more"),
    "far too wide": (lambda folder: change(folder / "config.json", intermediate_size=10**10), "claims more"),
    "another width": (lambda folder: change(folder / "config.json", hidden_size=16, head_dim=8), "cannot be read"),
    "weights that are no numbers": (lambda folder: weights_with(folder, float("nan")), "no finite number"),
    "weights without end": (lambda folder: weights_with(folder, float("inf")), "no finite number"),
    "index of lists": (index_of_lists, "not in the folder"),
    "a shape without end": (shape_without_end, "damaged"),
    "one tensor": (one_tensor, "the weights have 1 tensor$"),
    "a template that fails": (lambda folder: template(folder, "{{ raise_exception('no') }}"), "chat template.*no"),
    "a template that reaches out": (
        lambda folder: template(folder, "{{ ''.__class__.__mro__ }}"),
        "chat template.*unsafe",
    ),
    "a template that is none": (lambda folder: template(folder, "{% for"), "chat template"),
    "a template that never ends": (lambda folder: template(folder, NEVER_ENDS), "too much time"),
    "a template that takes all memory": (lambda folder: template(folder, "{{ 'a' * 10**10 }}"), "too much memory"),
    "a template that says too much": (lambda folder: template(folder, "{{ 'a' * 10**6 }}"), "too long"),
    "a template that is too long": (lambda folder: template(folder, "a" * 70_000), "more than 65,536 characters"),
    "a template without the prompt": (lambda folder: template(folder, "hello"), "does not keep the prompt"),
    "a tensor less": (drop_tensor, "lack 1 of the model's tensors, such as model.norm.weight"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_folder_is_refused_in_words(folder: Path, name: str) -> None:
    breaking, words = BROKEN[name]
    breaking(folder)
    with pytest.raises(InputError) as refused:
        load_net(folder)
    assert re.search(words, refused.value.what)
    assert str(folder) in refused.value.where
    assert refused.value.next_step
    assert ("name the address of the server" in refused.value.next_step) == (words == "quantised")


def test_a_prompt_stands_in_the_frame_of_the_template_which_never_sees_it(folder: Path) -> None:
    template(
        folder,
        "{{ bos_token }}{% for one in messages %}{% for tool in tools or [] %}{% endfor %}<{{ one['role'] }}>"
        "{% if 'secret' in one['content'] %}seen{% endif %}{{ one['content'] | trim }}{{ eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{{ strftime_now('%Y') }}{% endif %}",
    )
    net = load_net(folder)
    texts = net.tokenizer.batch_decode(prompt_ids(net, [" a secret {{ 7 * 7 }} ", "b"]))
    frame = f"<user>{{}}{END_TOKEN}<assistant>2026"
    assert texts == [frame.format("a secret {{ 7 * 7 }}"), frame.format("b")]
    template(folder, "[{{ messages[0].content }}]")
    net = load_net(folder)
    assert net.tokenizer.batch_decode(prompt_ids(net, [" b "])) == ["[ b ]"]


def test_a_folder_cannot_write_to_the_terminal(folder: Path) -> None:
    change(folder / "config.json", model_type="\x1b[2Jevil")
    with pytest.raises(InputError) as refused:
        load_net(folder)
    assert "\\x1b[2Jevil" in refused.value.what
    assert "\x1b" not in str(refused.value)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    for name, words in {
        "missing": "no such model folder",
        "file.txt": "neither a model folder nor a GGUF file",
        "empty": "no config.json",
        "missing.gguf": "no such file",
    }.items():
        with pytest.raises(InputError, match=words):
            load_net(tmp_path / name)


def gguf_file(path: Path, net: Net) -> Path:
    """A tiny Llama as GGUF."""
    config, state = net.model.config, net.model.state_dict()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    vocabulary = net.tokenizer.get_vocab()
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(sorted(vocabulary, key=vocabulary.__getitem__))
    writer.add_token_types([gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.NORMAL] * (len(vocabulary) - 2))
    merges = json.loads(net.tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_eos_token_id(1)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in state.items():
        if name == "lm_head.weight":
            continue  # tied
        values = tensor.numpy()
        if "q_proj" in name or "k_proj" in name:  # llama.cpp turns pairs where transformers turns halves
            heads = config.num_attention_heads
            values = values.reshape(heads, 2, values.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(values.shape)
        writer.add_tensor(names.get_name(name, (".weight",)), np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_file_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = tiny_net(TinySize(32, 2, 2, 64), text_tokenizer(["a banana and a band"] * 9, 262), 1)
    path = gguf_file(tmp_path / "small.gguf", net)
    (tmp_path / "config.json").write_text("what lies beside the file is none of it")
    again = load_net(path)
    assert again.name == "small"
    assert again.parameters == net.parameters
    assert len(again.tokenizer) == 262  # transformers adds a token that the model does not have
    assert again.tokenizer("a band")["input_ids"] == net.tokenizer("a band")["input_ids"]
    assert again.tokenizer.eos_token == again.tokenizer.pad_token == END_TOKEN
    tokens = torch.tensor([[50, 60, 70]])
    with torch.no_grad():
        assert torch.allclose(again.model(tokens).logits, net.model(tokens).logits, atol=1e-4)
    assert capsys.readouterr().err == ""


def test_a_model_of_a_gguf_file_can_be_trained_and_saved(tmp_path: Path) -> None:
    """As a student or base of one: its weights were decoded, whatever transformers says of them."""
    net = tiny_net(TinySize(32, 2, 2, 64), text_tokenizer(["a banana and a band"] * 9, 262), 1)
    opened = load_net(gguf_file(tmp_path / "small.gguf", net))
    before = opened.model.lm_head.weight.detach().clone()
    train(opened, [TextPair("a", "band")] * 4, TrainingRecipe(2, 2))
    assert not torch.equal(opened.model.lm_head.weight, before)
    save_net(opened, tmp_path / "saved")
    assert "quantization" not in (tmp_path / "saved" / "config.json").read_text(encoding="utf-8")
    assert torch.equal(load_net(tmp_path / "saved").model.lm_head.weight, opened.model.lm_head.weight)


def test_a_gguf_file_that_is_none_or_damaged_is_refused(tmp_path: Path) -> None:
    net = tiny_net(TinySize(32, 2, 2, 64), text_tokenizer(["a banana and a band"] * 9, 262), 1)
    whole = gguf_file(tmp_path / "whole.gguf", net).read_bytes()
    head = b"GGUF" + struct.pack("<I", 3)
    key = struct.pack("<Q", 1) + b"k"
    for content, words in {
        b"PK\x03\x04": "no GGUF file",
        b"": "no GGUF file",
        b"GGUF" + struct.pack("<IQQ", 1, 0, 0): "version 1",
        whole[:5000]: "damaged",
        head + struct.pack("<QQ", 1 << 60, 0): "damaged",
        head + struct.pack("<QQ", 0, 1 << 60): "damaged",
        head + struct.pack("<QQ", 0, 1) + key + struct.pack("<IIQ", 9, 0, 1 << 60): "damaged",
        head + struct.pack("<QQ", 0, 1) + key + struct.pack("<IIQ", 9, 4, 1 << 21): "damaged",
        head + struct.pack("<QQ", 1, 0) + key + struct.pack("<IQIQ", 1, 1 << 50, 0, 0): "claims",
        whole.replace(
            b"llama.block_count" + struct.pack("<II", 4, 2), b"llama.block_count" + struct.pack("<II", 4, 9999)
        ): ("claims more"),
    }.items():
        (tmp_path / "bad.gguf").write_bytes(content)
        with pytest.raises(InputError, match=words):
            load_net(tmp_path / "bad.gguf")


def test_a_folder_that_holds_something_is_not_written(net: Net, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("full", "file"):
        with pytest.raises(OutputError, match="something already"):
            save_net(net, tmp_path / name)
    save_net(net, tmp_path / "empty")
    assert (tmp_path / "empty" / "model.safetensors").is_file()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["empty", "file", "full"]


def test_a_model_that_cannot_be_written_leaves_nothing(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_folder: object, **_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(net.tokenizer, "save_pretrained", full)
    with pytest.raises(OutputError, match="No space left"):
        save_net(net, tmp_path / "net")
    assert list(tmp_path.iterdir()) == []
