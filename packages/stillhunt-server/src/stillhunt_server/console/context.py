"""What pages work on, and what each of them is asked: a record that the door makes of a request."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache, partial

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError, StillhuntError
from stillhunt.decide.policy import AppealTerms, Policy
from stillhunt.decide.running import policy_of
from stillhunt.watch.database.audit import record_look
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt_server.case_views.account_revenue import read_revenue
from stillhunt_server.case_views.campaign_profiles import CampaignProfiles, CaseTraits, campaign_profiles, case_traits
from stillhunt_server.case_views.harvest_rows import HarvestRows
from stillhunt_server.case_views.lever import WeighedAgain, weigh_without
from stillhunt_server.case_views.member_traits import MemberTraits, member_traits
from stillhunt_server.casework.changes import CampaignMember
from stillhunt_server.casework.changing import campaign_members
from stillhunt_server.console.snapshot import CaseSource, ShownCase
from stillhunt_server.console.table_query import TableQuery, whole_number
from stillhunt_server.database_threads import DatabaseThreads
from stillhunt_server.people.sessions import Viewer
from stillhunt_server.server_news import ServerNews

SHORT_WAIT, LONG_WAIT = 2.0, 20.0
"""Seconds that a page of a campaign waits for a newer snapshot; the longer where the older one lacks the campaign.
Judgement: 24,000 accounts are read in four seconds, and a reader who waits for longer reloads."""
TRAITS_KEPT = 4
"""Campaigns whose shared traits are kept. Judgement: those that a few analysts look into at a time; each takes 6 MB for
22,000 members."""
_WEIGHING = threading.BoundedSemaphore(8)
"""Campaigns that are weighed beside pages at a time. Judgement: each that waits for a process holds some 10 MB."""


@dataclass
class Derived:
    """What is made once of a case, for all its pages."""

    case: ShownCase
    config: Config
    traits: CaseTraits
    profiles: CampaignProfiles
    rows: HarvestRows
    traits_of: Callable[[str], MemberTraits]  # what the members of a campaign share, by its id; the latest are kept
    # its members as an action would look at them, with the digest of that; the latest are kept
    plan_of: Callable[[str], tuple[tuple[CampaignMember, ...], str]]
    # what the rules of the verdict make of all its findings, by its id: begun beside the page that asks first
    weighed_of: Callable[[str], Future[WeighedAgain]]
    # what accounts pay a month; None where the accounts file does not declare it
    revenue: Callable[[], pa.Table | None]


@dataclass
class Console:
    """What the console's pages work on."""

    source: CaseSource
    config: Config
    folder: DataFolder | None = None  # the data folder; None for a case folder
    database: WatchDatabase | None = None
    news: ServerNews = field(default_factory=ServerNews)  # what the server tells of itself
    faults: ServiceFaults = field(default_factory=ServiceFaults)
    threads: DatabaseThreads = field(default_factory=DatabaseThreads)
    preparers: Sequence[Callable[[Console], object]] = ()  # what plugins make of each new case for their pages
    _derived: Derived | None = field(default=None, repr=False)
    _prepared: Derived | None = field(default=None, repr=False)  # of a case that pages do not show yet
    _adopted: ShownCase | None = field(default=None, repr=False)  # what pages show, where each case is prepared
    _deriving: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def derived(self, shown: ShownCase) -> Derived:
        """What is made of a case for its pages; made at the first of them that needs it, where it is not prepared.

        That of the case before is only dropped: other requests may still read its rows, and its files close with it.
        """
        with self._deriving:
            for made in (self._prepared, self._derived):
                if made is not None and made.case is shown and made.config is self.config:
                    break
            else:
                made = self._derive(shown)
            # a request that began before the newer case was shown must not drop what was made of that
            if self._adopted is None or self._adopted is shown:
                self._derived = made
            return made

    def prepare(self, shown: ShownCase) -> None:
        """Make of a case what its first pages need: of all of it, and of its largest campaigns."""
        made = self._derive(shown)  # without the lock, for which pages of the case before would wait
        with self._deriving:
            self._prepared = made
        campaigns = shown.model.of_verdict("act", "review")
        largest = sorted(campaigns, key=lambda one: -one.row["accounts"])[:TRAITS_KEPT]
        for name in [one.row["campaign_id"] for one in reversed(largest)]:  # the largest is the last to be forgotten
            for part in (made.traits_of, made.plan_of, made.rows.count, shown.count_cited):
                with suppress(StillhuntError):  # the page says what is wrong
                    part(name)
        made.revenue()
        with suppress(StillhuntError):
            made.rows.number_accounts()

    def adopt(self, shown: ShownCase) -> None:
        """Drop what was made of the case before, and let plugins prepare their pages of this one."""
        with self._deriving:
            if self._adopted is not None and self._adopted.sequence > shown.sequence:  # a newer one was ready before
                self._prepared = None
                return
            self._adopted = shown
        self.derived(shown)
        self._prepared = None
        for prepare in self.preparers:
            prepare(self)

    def _derive(self, shown: ShownCase) -> Derived:
        profiles = campaign_profiles(shown.model, shown.case.samples, shown.case.origins)
        traits = case_traits(shown.case.member_details)
        traits_of = lru_cache(TRAITS_KEPT)(partial(_shared_traits, shown, traits))
        plan_of = lru_cache(TRAITS_KEPT)(partial(_plan_of, shown, self.config))
        rows = HarvestRows(shown.folder)
        revenue = cache(partial(read_revenue, self.config.watch.accounts))
        weighed_of = lru_cache(TRAITS_KEPT)(partial(_weigh_beside, shown))
        return Derived(shown, self.config, traits, profiles, rows, traits_of, plan_of, weighed_of, revenue)


def _plan_of(shown: ShownCase, config: Config, name: str) -> tuple[tuple[CampaignMember, ...], str]:
    members = planned_members(shown, name, config)
    return members, plan_digest(members)


def weigh_campaign(shown: ShownCase, name: str, without: Collection[str] = ()) -> WeighedAgain:
    """A campaign of the case without some kinds of findings; see `weigh_without`."""
    evidence, members = shown.of_campaign("evidence", name), shown.of_campaign("members", name)
    return weigh_without(shown.case, shown.campaign(name), evidence, members, without)


def _weigh_beside(shown: ShownCase, name: str) -> Future[WeighedAgain]:
    """All of a campaign, weighed again in a thread: starting the process takes longer than a page may."""
    found: Future[WeighedAgain] = Future()

    def weigh() -> None:
        try:
            found.set_result(weigh_campaign(shown, name))
        except Exception as error:  # who waits for it gets it, without the frames, which would keep a replaced case
            found.set_exception(error.with_traceback(None))
        finally:
            _WEIGHING.release()

    if _WEIGHING.acquire(blocking=False):
        threading.Thread(target=weigh, name="stillhunt-weighing", daemon=True).start()
    else:  # pages weigh by themselves then
        step = "load the page again in a minute"
        found.set_exception(CaseError("other campaigns are being weighed", where="this page", next_step=step))
    return found


def _shared_traits(shown: ShownCase, traits: CaseTraits, name: str) -> MemberTraits:
    model, evidence = shown.campaign(name), shown.of_campaign("evidence", name)
    return member_traits(shown.model, model, traits, shown.members_of(name), evidence)


def planned_members(shown: ShownCase, campaign: str, config: Config) -> tuple[CampaignMember, ...]:
    """The members of a campaign, as an action would look at them now."""
    return campaign_members(shown.members_of(campaign), campaign, config.sanctioned)


def plan_digest(members: Sequence[CampaignMember]) -> str:
    """Tells whether an action would act on the same accounts as when its form was read."""
    acted_on = sorted((one.account_id, one.flagged, one.sanctioned, one.role) for one in members)
    return hashlib.sha256(json.dumps(acted_on).encode()).hexdigest()[:32]


class GivenTexts(dict[str, str]):
    """What an address or a form gives by name; "" for what it does not give."""

    def __missing__(self, _name: str) -> str:
        return ""

    def number(self, name: str, otherwise: int = 0) -> int:
        """A number, or what stands for a text that is none."""
        return whole_number(self[name], otherwise)

    def days(self, name: str) -> float:
        """A number of days; 0, which no decision may have, for a text that is none."""
        try:
            return float(self[name])
        except ValueError:
            return 0.0

    def choice(self, name: str, known: Iterable[str]) -> str:
        """One of a few known texts.

        Raises:
            ConfigError: it is none of them.
        """
        if self[name] not in known:
            raise ConfigError(f"there is no such {name}", where=name, next_step=f"choose one of: {', '.join(known)}")
        return self[name]


@dataclass(frozen=True)
class PageRequest:
    """What a page is asked, read once by `door.read_request`; pages see nothing else of a request."""

    console: Console
    viewer: Viewer | None  # who looks; None on pages for those who are not signed in
    now: int  # when it is asked, in microseconds since 1970
    path: str  # of the address
    route: GivenTexts  # what the route names in it, such as `campaign`
    query: TableQuery  # what its parameters ask of a table
    given: GivenTexts  # its parameters as texts, for pages that have some of their own; the last of each name
    form: GivenTexts  # fields of the form that was posted; the first of each name
    exported: str  # its parameters for the audit, without IP addresses, where an export is asked for; else ""
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)  # all values of its fields, by name
    client: str = ""  # address from which it comes, as far as proxies of the settings tell it

    @property
    def by(self) -> str:
        """Name of who looks."""
        return self.viewer.name if self.viewer is not None else ""

    @cached_property
    def latest(self) -> ShownCase | None:
        """The case as it is now, the same for all of a page; None before the first hunt.

        A page about a campaign waits for a newer one that is being read: an alert that names the campaign comes first.
        """
        source, campaign = self.console.source, self.route["campaign"]
        shown = source.current()
        if not campaign or shown is None:
            return shown
        return source.newest(SHORT_WAIT if campaign in shown.by_id else LONG_WAIT)

    @property
    def case(self) -> ShownCase:
        """The case that pages show.

        Raises:
            CaseError: there is none yet, or it is damaged.
        """
        if self.latest is None:
            raise CaseError(
                "there is no snapshot yet", where="data folder", next_step="wait for the first hunt, or start one"
            )
        return self.latest

    @property
    def derived(self) -> Derived:
        """What is made of the case for its pages."""
        return self.console.derived(self.case)

    @property
    def data_folder(self) -> DataFolder:
        """The data folder.

        Raises:
            CaseError: a case folder is shown.
        """
        if self.console.folder is None:
            raise _only_read()
        return self.console.folder

    @property
    def database(self) -> WatchDatabase:
        """The database.

        Raises:
            CaseError: the case folder that is shown has none.
        """
        if self.console.database is None:
            raise _only_read()
        return self.console.database

    @property
    def appeal_terms(self) -> AppealTerms:
        """How appeals are treated, by the policy as it is now; as usual where it cannot be read, which is a fault."""
        with suppress(ConfigError):
            return (policy_of(self.data_folder, self.console.config) or Policy()).appeals
        return AppealTerms()

    def look(self, what: str, about: str) -> None:
        """Write down that somebody looks at personal data or exports it, before they get it.

        Args:
            what: accounts, account, campaign, members, requests or search.

        Raises:
            OutputError: it cannot be written down; then nothing is shown.
        """
        if self.console.database is not None:
            if self.query.export:
                what, about = "export", f"{what} of {about}: {self.exported}"
            record_look(self.console.database, self.by, what, about)


def _only_read() -> CaseError:
    return CaseError(
        "a case folder can only be read", where="this page", next_step="work on campaigns needs a data folder"
    )
