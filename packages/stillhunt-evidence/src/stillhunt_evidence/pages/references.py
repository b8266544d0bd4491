"""On what each part of a dossier rests: columns of the pack's tables, its other files, or a text that claims nothing.

Every part of the page that has sentences carries these references in the attribute `data-rows`, so that a program, or
an opposing expert, can go from a sentence to its rows. A test walks all sentences of rendered pages and resolves them.
"""

from __future__ import annotations

from markupsafe import Markup, escape

BOILERPLATE = {
    "text:definition": "What a word or a column means.",
    "text:method": "How something is computed, for every campaign alike.",
    "text:instruction": "What a reader can do, for every campaign alike.",
    "text:limit": "What no log can show.",
}
"""Kinds of text that say nothing of this campaign, and so rest on no row."""
REFERENCES = {
    "cover.head": ("campaigns.campaign_id", "campaigns.first_seen", "campaigns.last_seen"),
    "cover.claim": (
        *(
            "campaigns.verdict",
            "campaigns.accounts",
            "campaigns.requests",
            "campaigns.first_seen",
            "campaigns.last_seen",
        ),
        *("campaigns.skills", "taken.requests", "evidence.bits"),
    ),
    "cover.signer": ("manifest.pack",),
    "assessment": ("campaigns.verdict", "campaigns.score", "evidence.bits", "run.budget"),
    "settings": ("run.settings",),
    "files": ("manifest.files",),
    "executive.figures": ("campaigns.accounts", "campaigns.requests", "campaigns.output_tokens", "run.counts"),
    "executive.narrative": ("narrative.txt",),
    "executive.how_sure": ("campaigns.score", "campaigns.verdict", "run.settings", "run.budget"),
    "executive.instead": ("evidence.bits", "evidence.kind", "members.role", "text:method"),
    "executive.who": ("attribution.json", "text:limit"),
    "executive.unknown": ("campaigns.kind", "campaigns.output_tokens", "members.role", "text:limit"),
    "executive.decide": ("campaigns.verdict", "campaigns.kind", "members.role", "text:instruction"),
    "timeline": ("timeline.bucket", "timeline.requests", "timeline.accounts"),
    "taken": ("taken.value", "taken.requests", "taken.samples", "taken.output_tokens"),
    "counsel.shows": ("evidence.statement", "campaigns.requests", "campaigns.first_seen", "campaigns.last_seen"),
    "counsel.consistent": ("campaigns.kind", "campaigns.score", "evidence.family"),
    "counsel.not_shown": ("campaigns.kind", "campaigns.output_tokens", "members.role", "text:limit"),
    "counsel.alternatives": (
        "evidence.kind",
        "evidence.bits",
        "members.role",
        "member_details.created_at",
        "text:method",
    ),
    "counsel.against": ("evidence.statement", "evidence.bits"),
    "counsel.rates": ("campaigns.score", "run.budget", "run.settings", "text:method"),
    "counsel.trained": ("proof.json",),
    "counsel.custody": ("run.version", "run.inputs", "manifest.pack", "manifest.harvest"),
    "counsel.inputs": ("run.inputs",),
    "counsel.redacted": ("manifest.pack", "text:method"),
    "counsel.not_examined": ("evidence.kind", "run.counts", "text:limit"),
    "counsel.fairness": ("manifest.pack", "text:instruction"),
    "engineer.prior": ("evidence[family=prior]",),
    "engineer.families": ("evidence.family", "evidence.raw_bits", "evidence.bits", "parameters.json"),
    "engineer.parameters": ("run.settings", "run.budget", "parameters.json"),
    "engineer.cited": ("cited.request_id", "cited.account_id", "cited.timestamp"),
    "engineer.members": ("members.account_id", "members.role", "members.requests", "members.share"),
    "engineer.origins": ("origins.aspect", "origins.value", "origins.requests", "origins.accounts"),
    "engineer.samples": ("samples.request_id", "samples.text"),
}
"""Part of the page -> what it rests on: `table.column`, `table[column=value]`, `run.key` of run.json, `manifest.key` of
the signed header, a file of the pack, or a kind of boilerplate."""


def rests(part: str) -> Markup:
    """The attribute that names what a part of the page rests on.

    Args:
        part: of `REFERENCES`, or a kind of boilerplate.
    """
    found = (part,) if part in BOILERPLATE else REFERENCES[part]
    return Markup(' data-rows="{}"').format(" ".join(found))


def rests_on_row(table: str, column: str, value: str) -> Markup:
    """The attribute that names one row of a table."""
    return Markup(' data-rows="{}"').format(escape(f"{table}[{column}={value}]".replace(" ", "_")))
