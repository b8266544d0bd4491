"""What pages work on, and what they do alike: find the case, write down a look, answer with a table or its export."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError
from stillhunt.watch.database.audit import record_look, without_addresses
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_server.case_views.account_graph import AccountGraph, campaign_ties
from stillhunt_server.case_views.campaign_profiles import CampaignProfiles, CaseTraits, campaign_profiles, case_traits
from stillhunt_server.case_views.harvest_rows import HarvestRows
from stillhunt_server.console.rendering import render
from stillhunt_server.console.snapshot import CaseSource, ShownCase
from stillhunt_server.console.table_query import EXPORT, EXPORTS
from stillhunt_server.console.tables import TableSpec, table_export, table_page
from stillhunt_server.database_threads import DatabaseThreads
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.receiving.traffic import Limits, Traffic

if TYPE_CHECKING:  # hunts bring 100 MB of libraries, which a console of a case folder does without
    from stillhunt.watch.schedule import HuntSchedule
from stillhunt.watch.service_faults import ServiceFaults

TIES_KEPT = 2
"""Campaigns whose account graph and its table are kept. Judgement: the one that is looked at, and the one before; each
takes 20 MB for 22,000 members."""


@dataclass
class Derived:
    """What is made once of a case, for all its pages.

    Attributes:
        ties_of: account graph of a campaign by its id, and its table; the latest are kept.
    """

    case: ShownCase
    traits: CaseTraits
    profiles: CampaignProfiles
    rows: HarvestRows
    ties_of: Callable[[str], tuple[AccountGraph, pa.Table]]


@dataclass
class Console:
    """What the console's pages work on.

    Attributes:
        folder: the data folder; None for a case folder.
        schedule: hunts of this process; None where another one hunts.
        traffic: counts of the receiver; None where this process receives nothing.
        decisions: what is in force; None for a case folder.
    """

    source: CaseSource
    config: Config
    folder: DataFolder | None = None
    database: WatchDatabase | None = None
    schedule: HuntSchedule | None = None
    traffic: Traffic | None = None
    limits: Limits | None = None
    decisions: LiveDecisions | None = None
    faults: ServiceFaults = field(default_factory=ServiceFaults)
    threads: DatabaseThreads = field(default_factory=DatabaseThreads)
    _derived: Derived | None = field(default=None, repr=False)
    _deriving: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def derived(self, shown: ShownCase) -> Derived:
        """What is made of a case for its pages; made at the first of them that needs it.

        That of the case before is only dropped: other requests may still read its rows, and its files close with it.
        """
        with self._deriving:
            if self._derived is None or self._derived.case is not shown:
                profiles = campaign_profiles(shown.model, shown.case.samples, shown.case.origins)
                traits = case_traits(shown.case.member_details)
                ties_of = lru_cache(TIES_KEPT)(lambda name: campaign_ties(shown.model, shown.campaign(name), traits))
                self._derived = Derived(shown, traits, profiles, HarvestRows(shown.folder), ties_of)
            return self._derived


def console_of(request: Request) -> Console:
    """What the pages work on."""
    console: Console = request.state.console
    return console


def case_of(request: Request) -> ShownCase:
    """The case that pages show.

    Raises:
        CaseError: there is none yet, or it is damaged.
    """
    shown = console_of(request).source.current()
    if shown is None:
        raise CaseError(
            "there is no snapshot yet", where="data folder", next_step="wait for the first hunt, or start one"
        )
    return shown


def look(request: Request, what: str, about: str) -> None:
    """Write down that somebody looks at personal data or exports it, before they get it.

    Args:
        request: whose; where it asks for an export, this is written down, with what narrows it.
        what: accounts, account, campaign, members, requests or search.

    Raises:
        OutputError: it cannot be written down; then nothing is shown.
    """
    console = console_of(request)
    if console.database is None:
        return
    if request.query_params.get(EXPORT) in EXPORTS:
        what, about = "export", f"{what} of {about}: {without_addresses(unquote_plus(request.url.query))}"
    record_look(console.database, request.state.viewer.name, what, about)


def asked(request: Request) -> list[tuple[str, str]]:
    """Parameters of the URL, a name perhaps several times."""
    return list(request.query_params.multi_items())


def answer_table(
    request: Request,
    template: str,
    spec: TableSpec,
    data: pa.Table,
    values: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
) -> Response:
    """A page with a table, or the table's export where that is asked for.

    Args:
        template: of the page; the table is `view` in it.
    """
    export = table_export(spec, data, asked(request))
    if export is not None:
        headers = {"content-disposition": f'attachment; filename="{export.name}"'}
        return Response(export.content, media_type=export.media_type, headers=headers)
    others = values() if callable(values) else values
    return render(request, template, {"view": table_page(spec, data, asked(request)), **others})


def answer_list(request: Request, spec: TableSpec, data: pa.Table, title: str, headline: str, **more: Any) -> Response:
    """A page that is a table with a heading.

    Args:
        more: `meaning`, `other` (where another list is, with its name) and `filters` that were saved.
    """
    values = {"title": title, "headline": headline, "meaning": "", "other": None, "filters": None, **more}
    return answer_table(request, "campaigns.html", spec, data, values)
