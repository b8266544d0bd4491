"""`stillhunt model detect`: the public detector of the standing mark, and which campaigns' keys a text has."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhunt import ConfigError, InputError
from stillhunt.commands import JsonFlag, SettingsOption, message_console, output_console, print_columns, print_json
from stillhunt.tools import formatting
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_model.commands.orders_shown import start_models
from stillhunt_model.orders.register import model_folder

DETECTED_P = 1e-5
"""p-value up to which a text is called marked (judgement: by chance one text in 100,000, whoever wrote it)."""
_LARGEST_TEXTS = 1 << 26
"""Bytes of a file; each token of it takes some hundred more."""
_LONGEST_PIECE = 50_000
"""Characters of a text that are divided into tokens together: one that never ends is cut."""
_SHOWN = 40
_TEXT_FIELDS = ("response", "answer", "text")


def detect(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A text, or JSON lines with response, answer or text (.jsonl).")
    ],
    model: Annotated[
        Path, typer.Option("--model", metavar="MODEL", help="Folder with the tokenizer of the model that is marked.")
    ],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PUBLIC.json", help="Public key; without it, that of your secret.")
    ] = None,
    entropy: Annotated[
        bool,
        typer.Option("--entropy", help="Read the model's weights, too, and count only places where it had a choice."),
    ] = False,
    groups: Annotated[
        bool, typer.Option("--groups", help="Also look for the key of each campaign; needs the secret.")
    ] = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say whether texts have the standing mark, and with --groups, of which campaigns.

    All texts of the file are judged together: each pair of context and word counts once. The p-value is the chance that
    texts of somebody who does not know the key look so. It says nothing of short texts, code, or a text that somebody
    has rewritten: no mark found does not mean that a person wrote it.
    """
    config = start_models(settings_file)
    from stillhunt_model.marks.detecting import choices_by, distinct_tokens, score_tokens  # torch, which takes seconds
    from stillhunt_model.marks.gate import gate_of  # torch, which takes seconds
    from stillhunt_model.marks.keys import read_public_mark, read_standing_marks  # torch, which takes seconds
    from stillhunt_model.nets.loading import load_net, load_tokenizer  # torch, which takes seconds

    marks = read_standing_marks(keys_folder(config), model_folder(config)) if groups or key is None else None
    if marks is None and (groups or key is None):
        raise ConfigError(
            "there is no secret of a standing mark",
            where=str(keys_folder(config)),
            next_step="name a public key",
            command_step="name a public key with --key, without --groups, or make one: 'stillhunt model mark keys'",
        )
    texts = list(_read_texts(file))
    net = load_net(model) if entropy else None
    gate = gate_of(load_tokenizer(model) if net is None else net.tokenizer)
    choices = None if net is None else choices_by(net, gate)
    public = read_public_mark(key) if key is not None else marks.public if marks is not None else None
    assert public is not None  # noqa: S101  # refused above
    if marks is not None and public.secret_sha256 != marks.public.secret_sha256:
        raise ConfigError(
            "the public key does not belong to your secret, from which the keys of campaigns follow",
            where=str(key),
            next_step="restore the secret that was there when it was written, or leave out the groups",
            command_step="restore the secret that was there when it was written, or leave out --groups",
        )
    pieces = (text[at : at + _LONGEST_PIECE] for text in texts for at in range(0, len(text), _LONGEST_PIECE))
    replies = [("", "", piece) for piece in pieces]
    found = score_tokens(*distinct_tokens(gate, replies, public.layer.width, choices), public.key, public.layer)
    document: dict[str, Any] = {
        "texts": len(texts), "words": found.scored, "share": found.value, "p": found.p, "marked": found.p <= DETECTED_P
    }  # fmt: skip
    if marks is not None and groups:
        document["groups"] = _score_groups(marks, gate, replies, choices)
    if as_json:
        print_json(document)
    else:
        _print_detection(document)


def _score_groups(marks: Any, gate: Any, replies: list[tuple[str, str, str]], choices: Any) -> list[dict[str, Any]]:
    """The key of each group, the smallest p-value first."""
    from stillhunt_model.marks.detecting import distinct_tokens, score_tokens  # torch, which takes seconds
    from stillhunt_model.marks.keys import OTHER_ACCOUNTS  # torch, which takes seconds

    layer = marks.layers[1]
    contexts, tokens = distinct_tokens(gate, replies, layer.width, choices)
    names = sorted({OTHER_ACCOUNTS, *marks.groups.values()})
    scores = {name: score_tokens(contexts, tokens, marks.group_key(name), layer) for name in names}
    return [
        {"group": name, "share": one.value, "p": one.p, "corrected": min(1.0, one.p * len(names))}
        for name, one in sorted(scores.items(), key=lambda pair: (pair[1].p, pair[0]))
    ]


def _print_detection(document: dict[str, Any]) -> None:
    said = "The mark is there" if document["marked"] else "No mark found"
    words = formatting.plural(document["words"], "distinct word in its context", "distinct words in their contexts")
    output_console().print(
        f"{said}: p = {document['p']:.2g}; the key favours {formatting.percent(document['share'])} of the choices at "
        f"{words}, where chance gives 50 %.",
        soft_wrap=True,
    )
    rows = [
        (formatting.shorten(one["group"], _SHOWN), formatting.percent(one["share"]), f"{one['p']:.2g}",
         f"{one['corrected']:.2g}")
        for one in document.get("groups", [])
    ]  # fmt: skip
    if rows:
        print_columns(output_console(), [("group", "share", "p", "corrected for all groups"), *rows[:_SHOWN]])
        if len(rows) > _SHOWN:
            left = formatting.plural(
                len(rows) - _SHOWN, "more group has a larger p-value", "more groups have larger ones"
            )
            message_console().print(f"{left}; --json lists all of them.")
        message_console().print(
            "A campaign with a small corrected p-value wrote these texts, or what wrote them learned from its answers.",
            soft_wrap=True,
        )


def _read_texts(path: Path) -> Iterable[str]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_TEXTS + 1)
    except OSError as error:
        raise InputError("the file cannot be read", where=str(path), next_step="name a file of texts") from error
    if len(content) > _LARGEST_TEXTS:
        raise InputError("the file of texts is too large", where=str(path), next_step="divide it")
    if b"\0" in content:
        raise InputError("this is no text", where=str(path), next_step="unpack it, or save it as text in UTF-8")
    if path.suffix.lower() != ".jsonl":
        yield content.decode("utf-8", "replace")
        return
    for place, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        fields = row if isinstance(row, dict) else {}
        text = next((fields[name] for name in _TEXT_FIELDS if isinstance(fields.get(name), str)), None)
        if text is None:
            raise InputError(
                "this is no JSON object with a text",
                where=f"{path}:{place}",
                next_step=f"name the text {', '.join(_TEXT_FIELDS[:-1])} or {_TEXT_FIELDS[-1]}, or remove the line",
            )
        yield text.encode("utf-8", "replace").decode()
