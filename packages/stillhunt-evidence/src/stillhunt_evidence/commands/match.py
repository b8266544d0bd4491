"""`stillhunt match`: sketches in files, and private set intersection by files."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhunt import Config, OutputError, PackError
from stillhunt.case import Case, resolve_id
from stillhunt.commands import (
    ForceFlag,
    JsonFlag,
    SettingsOption,
    message_console,
    output_console,
    print_columns,
    print_json,
    refuse_existing,
    safe_lines,
)
from stillhunt.tools import formatting, write_whole
from stillhunt_evidence.keys.folder import circle_key, keys_folder, pseudonyms_key
from stillhunt_evidence.keys.signing import has_signing_key, new_signing_key, read_signer, trusted_keys
from stillhunt_evidence.matching.comparing import MATCH, NO_MATCH, PairScore
from stillhunt_evidence.matching.features import CampaignFeatures, SketchOrigin, campaign_features, sketches_of_case
from stillhunt_evidence.matching.intersection import answer, ask, learn
from stillhunt_evidence.matching.intersection_files import (
    MatchRequest,
    MatchResponse,
    MatchSecret,
    as_message,
    read_message,
)
from stillhunt_evidence.matching.sketch_file import check_comparable, match_files, opaque_name, sketch_file
from stillhunt_evidence.packs.signed_sketches import open_sketches, signed_sketches

match_commands = typer.Typer(no_args_is_help=True, help="Find the campaigns that two providers share.")

MatchCaseArgument = Annotated[Path, typer.Argument(metavar="CASE", help="Case folder with your campaigns.")]

SharedIdsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]...", help="Campaign ids or their beginnings; without them, all with the verdict act or review."
    ),
]

CircleOption = Annotated[
    str, typer.Option("--circle", metavar="NAME", help="Sharing circle whose key hides the features.")
]


AllPairsFlag = Annotated[bool, typer.Option("--all", help="Also show pairs of different campaigns.")]

MATCHED_EXIT_CODE = 3
"""Exit code when a campaign matched."""


@match_commands.command("sketch")
def match_sketch(
    case: MatchCaseArgument,
    circle: CircleOption,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to give to the other provider.")],
    ids: SharedIdsArgument = None,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write sketches of campaigns into a file for a provider of the same circle, and print the campaigns' names in it.

    The file has keyed hashes, but no ids or text. Whoever has the circle's key can try phrases and words.
    """
    refuse_existing(out, force=force)
    folder = keys_folder(Config.load(file=settings_file))
    key, own = circle_key(folder, circle), pseudonyms_key(folder)
    campaigns, sketches = _read_case_features(case, ids)
    if not has_signing_key(folder):
        new_signing_key(folder)
    signer, public = read_signer(folder)
    content = signed_sketches(sketch_file(campaigns, circle, key, own, sketches), signer, public)
    write_whole(out, [content])
    rows = [
        {
            "name": opaque_name(own, one.campaign_id),
            "campaign_id": one.campaign_id,
            **{f"{kind}s": len(features) for kind, features in one.kinds.items()},
        }
        for one in campaigns
    ]
    if as_json:
        print_json(rows)
        return
    header = ("name in the file", "campaign", "phrases", "words")
    print_columns(output_console(), [header, *(tuple(str(value) for value in row.values()) for row in rows)])
    message_console().print(
        f"SHA-256 of the file: {hashlib.sha256(content).hexdigest()}. Tell it to the other side before the files are "
        f"exchanged, so that neither can copy the other's. Signed by {public.fingerprint}."
    )


@match_commands.command("files")
def match_two_files(
    mine: Annotated[Path, typer.Argument(metavar="MINE", help="Your file of sketches.")],
    theirs: Annotated[Path, typer.Argument(metavar="THEIRS", help="File of the other provider.")],
    circle: CircleOption,
    fingerprint: Annotated[
        str,
        typer.Option(
            "--fingerprint", metavar="HEX", help="Fingerprint of the other provider's key, if it is not trusted here."
        ),
    ] = "",
    every_pair: AllPairsFlag = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare two files of sketches: which campaigns are the same, and why. Exit code 3 if any match.

    Both files must be signed by a key that is trusted here, or by the one that --fingerprint names.
    """
    named = fingerprint.lower().replace(":", "")
    folder = keys_folder(Config.load(file=settings_file))
    key, trusted = circle_key(folder, circle), trusted_keys(folder)
    opened = [open_sketches(path, circle, key, trusted, named) for path in (mine, theirs)]
    own, others = (one.sketches for one in opened)
    check_comparable(own, others, str(theirs))
    if own == others:
        raise PackError(
            "both files have the same sketches", where=str(theirs), next_step="name the file of the other provider"
        )
    for path, one in zip((mine, theirs), opened, strict=True):
        vouched = (
            "nobody signed it: it comes from an older version, and anybody can have written it"
            if one.signer is None
            else f"signed by {one.signer.fingerprint} ({one.signer.name})"
        )
        message_console().print(safe_lines(f"{path}: SHA-256 {one.sha256}, {vouched}"))
    _print_pairs(match_files(own, others), every_pair=every_pair, as_json=as_json)


@match_commands.command("ask")
def match_ask(
    case: MatchCaseArgument,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="REQUEST", help="File to send to the other provider.")],
    secret: Annotated[
        Path,
        typer.Option("--secret", metavar="SECRET", help="File to keep until the response arrives; show it to nobody."),
    ],
    ids: SharedIdsArgument = None,
    counts_only: Annotated[
        bool, typer.Option("--counts-only", help="Learn how many features one campaign shares, but not which.")
    ] = False,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
) -> None:
    """Ask another provider for shared campaigns without showing it what is asked for (private set intersection).

    The first of three steps: ask, answer, learn. Needs the extra stillhunt-evidence[psi] on both sides.
    """
    del settings_file  # nothing here depends on a setting so far
    for path in (out, secret):
        refuse_existing(path, force=force)
    if out.absolute() == secret.absolute():
        raise OutputError("the request and its secret cannot be one file", where=str(out), next_step="name two files")
    campaigns, sketches = _read_case_features(case, ids)
    request, kept = ask(campaigns, sketches, counts_only=counts_only)
    write_whole(secret, [as_message(kept)])
    write_whole(out, [as_message(request)])
    asked = formatting.plural(len(campaigns), "campaign")
    features = formatting.plural(len(kept.phrase) + len(kept.word), "feature")
    message_console().print(f"Asks for {asked} by {features}. Send {out}, and keep {secret} to yourself.")


@match_commands.command("answer")
def match_answer(
    case: MatchCaseArgument,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="File of the provider that asks.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="RESPONSE", help="File to send back.")],
    ids: SharedIdsArgument = None,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
) -> None:
    """Answer a request: the other side learns which of its features your campaigns have; you learn how many it asked.

    Count the requests that you answer: each reveals something about up to 2,048 phrases and as many words.
    """
    del settings_file  # nothing here depends on a setting so far
    refuse_existing(out, force=force)
    asked = read_message(request, MatchRequest)
    campaigns, sketches = _read_case_features(case, ids)
    write_whole(out, [as_message(answer(asked, campaigns, sketches, str(request)))])
    numbers = (len(one) // 33 for one in (asked.phrase, asked.word))
    phrases, words = (formatting.plural(number, noun) for number, noun in zip(numbers, ("phrase", "word"), strict=True))
    learns = "how many of them" if asked.header.counts_only else "which of them"
    answered = formatting.plural(len(campaigns), "campaign")
    message_console().print(f"It asks for {phrases} and {words}, and will learn {learns} each of {answered} has.")


@match_commands.command("learn")
def match_learn(
    secret: Annotated[Path, typer.Argument(metavar="SECRET", help="File that was kept when the request was made.")],
    response: Annotated[Path, typer.Argument(metavar="RESPONSE", help="File that came back.")],
    every_pair: AllPairsFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Read a response: which campaigns the other provider also has, and why. Exit code 3 if any match."""
    kept, back = read_message(secret, MatchSecret), read_message(response, MatchResponse)
    _print_pairs(learn(kept, back, str(response)), every_pair=every_pair, as_json=as_json)


def _read_case_features(folder: Path, ids: list[str] | None) -> tuple[list[CampaignFeatures], SketchOrigin]:
    case = Case.read(folder)
    names = [resolve_id(case.tables, one, ("campaign",))[1] for one in ids or ()]
    return campaign_features(case, names), sketches_of_case(case)


def _print_pairs(found: Iterable[tuple[str, str | int, PairScore]], *, every_pair: bool, as_json: bool) -> None:
    """Print the pairs.

    Raises Exit: 3, some match.
    """
    pairs = list(found)
    shown = [one for one in pairs if every_pair or one[2].verdict != NO_MATCH]
    if as_json:
        print_json([_as_document(*one) for one in shown])
    else:
        for mine, theirs, score in shown:
            output_console().print(f"{mine} and theirs {theirs}: {score.verdict}")
            for sentence in score.sentences:
                output_console().print(f"  {sentence}")
    matches = sum(one[2].verdict == MATCH for one in pairs)
    pairs_text, matched = formatting.plural(len(pairs), "pair"), formatting.plural(matches, "match", "matches")
    message_console().print(f"{pairs_text} of campaigns compared: {matched}.")
    if matches:
        raise typer.Exit(MATCHED_EXIT_CODE)


def _as_document(mine: str, theirs: str | int, score: PairScore) -> dict[str, Any]:
    parts = {kind: round(bits, 2) for kind, bits in score.parts.items()}
    return {
        "mine": mine,
        "theirs": theirs,
        "verdict": score.verdict,
        "bits": round(score.bits, 2),
        "bits_by_kind": parts,
        "sentences": list(score.sentences),
    }
