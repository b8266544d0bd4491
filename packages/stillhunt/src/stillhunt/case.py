"""Read a case folder: its tables as Arrow, and what there is to say about each campaign.

A case never changes, and needs no logs. `stillhunt schema` lists its tables and columns. `read_case` opens a folder;
the tables are attributes of a `Case` (`campaigns`, `accounts`, `members`, `evidence`, `harvest`, ...), and `run` is the
record of the hunt. The functions below cut out one campaign; other names are for those who show cases themselves.

>>> from stillhunt.case import CASE_TABLES, Case, evidence_about
>>> case = Case({name: table.empty() for name, table in CASE_TABLES.items()})
>>> case
Case(0 campaigns: 0 to act on, 0 to review; 0 groups left alone; 0 accounts)
>>> evidence_about(case, "hunt-7f3a91c2").num_rows
0
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt._facade import offer_names
from stillhunt.triage import Case

if TYPE_CHECKING:
    from stillhunt.base.case_folder import REPORT_FILE, RUN_FILE
    from stillhunt.base.clients import OTHER, UNKNOWN
    from stillhunt.base.families import BUDGET, NO_SKILL, PRIOR, SKILLS, family_label, stays_here
    from stillhunt.base.schema import FAMILIES
    from stillhunt.base.schema_case import (
        ADDRESS_KINDS,
        CASE_TABLES,
        CASE_VERSION,
        CASE_VIEWS,
        DERIVABLE_VERSIONS,
        HARVEST_OPERATION,
    )
    from stillhunt.triage import excerpt
    from stillhunt.triage.alike_prompts import BUCKETS_OF_WORDS, sample_keys
    from stillhunt.triage.alike_prompts import P as ALIKE
    from stillhunt.triage.charts import sparkline
    from stillhunt.triage.folder import canonical_order, read_run
    from stillhunt.triage.kinds import role_label
    from stillhunt.triage.lookup import resolve_id
    from stillhunt.triage.model import FULL_ID_CHARS, ID_CHARS, NAME_CHARS, CampaignModel
    from stillhunt.triage.origins import LABELS
    from stillhunt.triage.report import coverage_parts
    from stillhunt.triage.samples import WORD_OF_PROMPT
    from stillhunt.triage.score_breakdown import LEAST_BITS, ScoreSum, Term, campaign_sum, log2_odds_of
    from stillhunt.triage.taken import answered_requests, first_of_alike
else:
    __all__, __getattr__ = offer_names(__file__, __name__)


def read_case(folder: str | Path) -> Case:
    """Open a case folder; its longest tables are read when they are asked for. Raises CaseError: missing or damaged."""
    return Case.read(folder)


def evidence_about(case: Case, campaign_id: str) -> pa.Table:
    """The findings about a campaign or a group left alone: EVIDENCE rows in bits, each with its sentence.

    A kind of evidence whose plugin is not installed here keeps its name and its sentence.
    """
    return _rows_of(case.evidence, campaign_id)


def members_of(case: Case, campaign_id: str) -> pa.Table:
    """The member accounts of a campaign or a group left alone: MEMBERS rows."""
    return _rows_of(case.members, campaign_id)


def _rows_of(table: pa.Table, campaign_id: str) -> pa.Table:
    return table.filter(pc.equal(table["campaign_id"], campaign_id))
