"""`stillhunt match`: sketches in files, and private set intersection by files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError, PackError
from stillhunt.base.whole_files import write_whole
from stillhunt.cli.exporting import refuse_existing
from stillhunt.cli.terminal import message_console, output_console, print_columns, print_json, safe_lines
from stillhunt.triage import Case
from stillhunt.triage.lookup import resolve_id
from stillhunt_evidence.keys.folder import circle_key, keys_folder, pseudonyms_key
from stillhunt_evidence.keys.signing import has_signing_key, new_signing_key, read_signer, trusted_keys
from stillhunt_evidence.matching.comparing import MATCH, NO_MATCH, PairScore
from stillhunt_evidence.matching.features import CampaignFeatures, campaign_features, sketches_of_case
from stillhunt_evidence.matching.intersection import answer, ask, learn
from stillhunt_evidence.matching.intersection_files import (
    MatchRequest,
    MatchResponse,
    MatchSecret,
    as_message,
    read_message,
)
from stillhunt_evidence.matching.pairs import match_files
from stillhunt_evidence.matching.sketch_file import check_comparable, opaque_name, sketch_file
from stillhunt_evidence.packs.signed_sketches import open_sketches, signed_sketches


@dataclass(frozen=True)
class MatchOrder:
    """What the user asked for, as given on the command line."""

    case: Path
    ids: tuple[str, ...] = ()
    settings: Path | None = None
    force: bool = False
    as_json: bool = False


def run_match_sketch(order: MatchOrder, circle: str, out: Path) -> None:
    """Write a file of sketches, and print under which names the campaigns are in it.

    Raises:
        CaseError: no case there, or no such campaign in it.
        ConfigError: there is no such circle.
        OutputError: the file exists or cannot be written.
    """
    refuse_existing(out, force=order.force)
    folder = keys_folder(Config.load(file=order.settings))
    key, own = circle_key(folder, circle), pseudonyms_key(folder)
    campaigns, sketches = _opened(order)
    if not has_signing_key(folder):
        new_signing_key(folder)
    signer, public = read_signer(folder)
    content = signed_sketches(sketch_file(campaigns, circle, (key, own), sketches), signer, public)
    write_whole(out, [content])
    rows = [
        {"name": opaque_name(own, one.campaign_id), "campaign_id": one.campaign_id, **_sizes(one)} for one in campaigns
    ]
    if order.as_json:
        print_json(rows)
        return
    header = ("name in the file", "campaign", "phrases", "words")
    print_columns(output_console(), [header, *(tuple(str(value) for value in row.values()) for row in rows)])
    message_console().print(
        f"SHA-256 of the file: {hashlib.sha256(content).hexdigest()}. Tell it to the other side before the files are "
        f"exchanged, so that neither can copy the other's. Signed by {public.fingerprint}."
    )


def run_match_files(
    files: tuple[Path, Path],
    circle: str,
    settings: Path | None,
    fingerprint: str = "",
    *,
    every_pair: bool,
    as_json: bool,
) -> int:
    """Compare two files of sketches and print the pairs.

    Args:
        files: the own one and the other provider's.
        fingerprint: of the other provider's key, where it is not trusted here; empty otherwise.
        every_pair: also those that are two campaigns.

    Raises:
        PackError: a file cannot be used, or nobody trusted signed it.
        ConfigError: there is no such circle.
    """
    folder = keys_folder(Config.load(file=settings))
    key, trusted = circle_key(folder, circle), trusted_keys(folder)
    opened = [open_sketches(path, circle, key, trusted, fingerprint) for path in files]
    mine, theirs = (one.sketches for one in opened)
    check_comparable(mine, theirs, str(files[1]))
    if mine == theirs:
        raise PackError(
            "both files have the same sketches", where=str(files[1]), next_step="name the file of the other provider"
        )
    for path, one in zip(files, opened, strict=True):
        vouched = (
            "nobody signed it: it is of an older version, and anybody can have written it"
            if one.signer is None
            else f"signed by {one.signer.fingerprint} ({one.signer.name})"
        )
        message_console().print(safe_lines(f"{path}: SHA-256 {one.sha256}, {vouched}"))
    return _print_pairs(match_files(mine, theirs), every_pair=every_pair, as_json=as_json)


def run_match_ask(order: MatchOrder, out: Path, secret: Path, *, counts_only: bool) -> None:
    """Write a request and the secret that belongs to it.

    Args:
        secret: file of the secret, for its owner alone.
        counts_only: learn only how many features both have.

    Raises:
        CaseError: no case there, or no such campaign in it.
        OutputError: a file exists or cannot be written.
        PackError: there is too much to ask for, or nothing.
    """
    for path in (out, secret):
        refuse_existing(path, force=order.force)
    if out.absolute() == secret.absolute():
        raise OutputError("the request and its secret cannot be one file", where=str(out), next_step="name two files")
    campaigns, sketches = _opened(order)
    request, kept = ask(campaigns, sketches, counts_only=counts_only)
    write_whole(secret, [as_message(kept)])
    write_whole(out, [as_message(request)])
    asked = formatting.plural(len(campaigns), "campaign")
    features = formatting.plural(len(kept.phrase) + len(kept.word), "feature")
    message_console().print(f"Asks for {asked} by {features}. Send {out}, and keep {secret} to yourself.")


def run_match_answer(order: MatchOrder, request: Path, out: Path) -> None:
    """Answer a request.

    Args:
        request: file of the provider that asks.

    Raises:
        CaseError: no case there, or no such campaign in it.
        OutputError: the file exists or cannot be written.
        PackError: the request cannot be used.
    """
    refuse_existing(out, force=order.force)
    asked = read_message(request, MatchRequest)
    campaigns, sketches = _opened(order)
    write_whole(out, [as_message(answer(asked, campaigns, sketches, str(request)))])
    numbers = (len(one) // 33 for one in (asked.phrase, asked.word))
    phrases, words = (formatting.plural(number, noun) for number, noun in zip(numbers, ("phrase", "word"), strict=True))
    learns = "how many of them" if asked.header.counts_only else "which of them"
    answered = formatting.plural(len(campaigns), "campaign")
    message_console().print(f"It asks for {phrases} and {words}, and will learn {learns} each of {answered} has.")


def run_match_learn(secret: Path, response: Path, *, every_pair: bool, as_json: bool) -> int:
    """Read a response and print the pairs.

    Args:
        every_pair: also those that are two campaigns.

    Raises:
        PackError: a file cannot be used, or they do not belong together.
    """
    kept, back = read_message(secret, MatchSecret), read_message(response, MatchResponse)
    return _print_pairs(learn(kept, back, str(response)), every_pair=every_pair, as_json=as_json)


def _opened(order: MatchOrder) -> tuple[list[CampaignFeatures], tuple[int, int]]:
    case = Case.read(order.case)
    ids = [resolve_id(case.tables, one, ("campaign",))[1] for one in order.ids]
    return campaign_features(case, ids), sketches_of_case(case)


def _sizes(campaign: CampaignFeatures) -> dict[str, int]:
    return {f"{kind}s": len(features) for kind, features in campaign.kinds.items()}


def _print_pairs(found: Iterable[tuple[str, str | int, PairScore]], *, every_pair: bool, as_json: bool) -> int:
    """Print the pairs, and return how many match."""
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
    return matches


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
