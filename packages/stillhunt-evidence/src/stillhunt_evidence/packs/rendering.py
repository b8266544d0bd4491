"""The pages of a pack from what else is in it, so that they can be made again and compared."""

import dataclasses
from collections.abc import Collection, Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from stillhunt.case import CASE_TABLES, CASE_VIEWS, REPORT_FILE, RUN_FILE, Case
from stillhunt.tools import formatting
from stillhunt_evidence.packs.contents import LEFT_OUT_TABLES
from stillhunt_evidence.packs.manifest import ENVELOPE_FILE, KEY_FILE, PARAMETERS_FILE, STAMP_FILE
from stillhunt_evidence.packs.proof_file import PROOF_FILE, ProofDocument
from stillhunt_evidence.pages.facts import FileOfPack, facts_of_run
from stillhunt_evidence.pages.render import render_dossier

README_FILE, NARRATIVE_FILE, ATTRIBUTION_FILE = "readme.txt", "narrative.txt", "attribution.json"
DOSSIER_FILE = "dossier.html"
DESCRIBED_FILES = {
    README_FILE: "What this is, and how to check it.",
    DOSSIER_FILE: "This page.",
    REPORT_FILE: "The findings in full, with charts.",
    NARRATIVE_FILE: "What the analysts wrote.",
    ATTRIBUTION_FILE: "The actors with whom the campaign was compared, and what came of it.",
    PROOF_FILE: "Whether a model was trained on the campaign's answers: tests, p-values and what they do not show.",
    RUN_FILE: "Inputs with their SHA-256, settings, versions and seed of the hunt.",
    PARAMETERS_FILE: "The declared parameters on which the verdict rests.",
    KEY_FILE: "Public key of the signer.",
    ENVELOPE_FILE: "The signed manifest.",
    STAMP_FILE: "Time stamp of an authority over the contents.",
    **{
        f"tables/{name}.parquet": formatting.sentence_case(table.meaning.partition(": ")[2])
        for name, table in {**CASE_TABLES, **CASE_VIEWS}.items()
        if name not in LEFT_OUT_TABLES
    },
}
"""Every file that a pack may have, with what it holds in one line."""


_SHOWN = "Ids of accounts and requests are pseudonyms, and excerpts of requests are short and redacted."
_SHOWN_IN_FULL = (
    "It has account ids and excerpts as the case has them: for whoever holds it, the rules of the logs apply."
)
_STAMPED = (
    f"in {STAMP_FILE}, of an authority, over all contents, given after {{made_at}}. A page cannot hold the time of its "
    "own stamp: 'stillhunt verify' prints it"
)


def readme_text(header: Mapping[str, Any]) -> bytes:
    """What readme.txt says."""
    text = resources.files(__package__).joinpath("readme.txt").read_text(encoding="utf-8")
    shown = _SHOWN_IN_FULL if header["pack"]["full"] else _SHOWN
    campaign = str(header["campaign"]["campaign_id"])
    fingerprint = header["pack"]["signer"]
    return Template(text).substitute(campaign=campaign, shown=shown, fingerprint=fingerprint).encode()


def report_page(cut: Case) -> bytes:
    """The report of a pack."""
    return cut.report().encode("utf-8", "backslashreplace")


def dossier_page(
    cut: Case,
    header: Mapping[str, Any],
    narrative: str,
    attribution: Mapping[str, Any] | None,
    proof: ProofDocument | None,
    names: Collection[str],
) -> bytes:
    """The dossier of a pack."""
    facts = dataclasses.replace(
        facts_of_run(cut.run),
        narrative=narrative,
        attribution=attribution,
        proof=None if proof is None else proof.as_plain(),
        signer=header["pack"]["signer"],
        time_stamp=_STAMPED.format(made_at=header["pack"]["madeAt"]) if STAMP_FILE in names else "",
        full_excerpts=header["pack"]["full"],
        pseudonyms=not header["pack"]["full"],
        request_count=header["harvest"]["requests"],
        request_digest=header["harvest"]["sha256"],
        files=tuple(FileOfPack(Path(name).as_posix(), DESCRIBED_FILES[name]) for name in sorted(names)),
    )
    page = render_dossier(cut, str(header["campaign"]["campaign_id"]), facts)
    return page.encode("utf-8", "backslashreplace")
