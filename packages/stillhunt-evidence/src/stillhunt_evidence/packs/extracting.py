"""An extract of a pack about one account, under its pseudonym: for the person who is accused, without anybody else.

It is an archive of the form of a pack, so that `stillhunt verify` checks it. The SHA-256 of the harvested requests in
its header is that of every pack of the same campaign and case.
"""

import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from securesystemslib.signer import CryptoSigner

from stillhunt import CaseError, Config
from stillhunt.tools import formatting
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key
from stillhunt_evidence.keys.signing import PublicKey, has_signing_key, new_signing_key, read_signer
from stillhunt_evidence.packs.archive import archive_parts
from stillhunt_evidence.packs.contents import Discretion, Pseudonyms
from stillhunt_evidence.packs.making import Pack, PackOrder, make_pack
from stillhunt_evidence.packs.manifest import (
    ENVELOPE_FILE,
    KEY_FILE,
    STAMP_FILE,
    as_plain_json,
    make_manifest,
    sign_statement,
    statement_of,
)
from stillhunt_evidence.packs.stamp import get_stamp
from stillhunt_evidence.pages.render import render_extract

EXTRACT_FILE, EXTRACT_PAGE = "account.json", "account.html"
OTHER_VERDICT = "decided in another group"
"""The verdict on an account that counts most in another campaign; the pack has no verdict for this one."""
_FINDING = ("family", "kind", "statement", "bits")
_REQUEST = (
    "request_id",
    "timestamp",
    "model",
    "status",
    "input_tokens",
    "output_tokens",
    "client",
    "network",
    "country",
)


def make_extract(pack: Pack, account: str, signer: CryptoSigner, own: PublicKey, authority: str = "") -> Pack:
    """What a pack has on one account: its verdict, each finding about it and about the campaign, its own requests.

    Findings about the campaign count other accounts and name none, and requests that they cite are left out. It
    misleads whoever takes it for the whole evidence: that a group acts as one shows in the group.

    Args:
        pack: as it was made.
        account: what the account is called in it.
        authority: URL of an authority that stamps the extract; empty for none.

    Raises:
        CaseError: the pack has no such account.
        PackError: the authority gives no time stamp.
    """
    facts = _collect_account_facts(pack, account)
    # Names of log files may be those of customers.
    inputs = [{**one, "name": ""} for one in pack.manifest.header["inputs"]]
    header = {**pack.manifest.header, "inputs": inputs, "extract": {"account": account}}
    files = {
        EXTRACT_FILE: as_plain_json(facts),
        EXTRACT_PAGE: render_extract(facts, header).encode("utf-8", "backslashreplace"),
        KEY_FILE: own.pem.encode(),
    }
    manifest = make_manifest(header, files)
    stamp = get_stamp(manifest.merkle_root, authority) if authority else None
    if stamp is not None:
        files[STAMP_FILE] = stamp
    files[ENVELOPE_FILE] = sign_statement(statement_of(manifest, stamp), signer)
    return Pack(files, manifest)


def make_extract_of(folder: Path, campaign_id: str, account: str, config: Config, now: datetime) -> tuple[str, bytes]:
    """The name and the bytes of an extract about a member of a campaign; the first one makes the keys.

    Args:
        folder: case folder.
        account: as the logs have it.

    Raises:
        StillhuntError: there is no such member, or the case or the keys do not allow it.
    """
    keys = keys_folder(config)
    if not has_signing_key(keys):
        new_signing_key(keys)
    signer, own = read_signer(keys)
    names = Pseudonyms(pseudonyms_key(keys))
    order = PackOrder(folder, campaign_id, Discretion(names, config.dossier.excerpt_chars), now)
    called = names.one("account", account)
    extract = make_extract(make_pack(order, signer, own), called, signer, own)
    return f"extract-{called}.zip", b"".join(archive_parts(extract.files))


def _collect_account_facts(pack: Pack, account: str) -> dict[str, Any]:
    own = {name: _rows_of(pack.files, name, account) for name in ("accounts", "members", "cited", "samples")}
    if not own["members"]:
        raise CaseError(
            f"the campaign has no member {formatting.shorten(account, 64)}",
            where="account",
            next_step="name an account of the campaign as the logs have it",
        )
    evidence = _read_table(pack.files, "evidence")
    about_all = evidence.filter(pc.is_null(evidence["account_id"]))
    member, judged = own["members"][0], (own["accounts"] or [{}])[0]
    campaign = pack.manifest.header["campaign"]
    # An account has one verdict, that of the campaign in which most counts against it.
    here = judged.get("campaign_id") in (None, "", campaign["campaign_id"])
    return {
        "account": account,
        "campaign": campaign,
        "verdict": judged.get("verdict", "none") if here else OTHER_VERDICT,
        "probability": float(member["score"]),
        "role": member["role"],
        "requests": member["requests"],
        "share": float(member["share"]),
        "findings": [_plain(row, _FINDING) for row in _rows_of(pack.files, "evidence", account)],
        "campaign_findings": [_plain(row, _FINDING) for row in about_all.to_pylist()],
        "cited_requests": [_plain(row, _REQUEST) for row in own["cited"]],
        "excerpts": [_plain(row, ("request_id", "timestamp", "text")) for row in own["samples"]],
    }


def _rows_of(files: Mapping[str, bytes], name: str, account: str) -> list[dict[str, Any]]:
    table = _read_table(files, name)
    rows: list[dict[str, Any]] = table.filter(pc.equal(table["account_id"], account)).to_pylist()
    return rows


def _read_table(files: Mapping[str, bytes], name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(files[f"tables/{name}.parquet"]))


def _plain(row: Mapping[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    return {name: formatting.minute(row[name]) if name == "timestamp" else row.get(name) for name in columns}
