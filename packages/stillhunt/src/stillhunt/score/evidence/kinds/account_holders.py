"""Who the accounts say they are: one operator that poses as separate customers, one place, or nobody's together.

These findings have no bits of their own. They decide which explanations beside a harvest are worth weighing, and how
(`signs` in `verdict/explanations.toml`). What an account's holder chooses is a sign only where it ties accounts: that
they share nothing proves nothing.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.arrays import Ints
from stillhunt.base.coded import codes, plain
from stillhunt.base.parameters import read_parameters
from stillhunt.score.context.coding import commonest
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.context.requests import Requests
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.evidence.kinds.open_customers import explained_by_customer, one_country
from stillhunt.score.evidence.kinds.phrase_mixture import count_template_users, phrase_bits, template_lift
from stillhunt.score.evidence.kinds.shared_customer_keys import address_sharing, part_of_group

_FEWEST_SHARING = 3  # Accounts with one value from which it is shared (two may be one family)
_RARE_OUTSIDE = 2.0  # times the members with a value: others who have it, up to which it is the group's
POSING_KINDS = ("posing_customers", "partly_posing")
"""Kinds of the findings that one operator's accounts pose as separate customers, all of them or a part."""
_LINKING_COLUMNS = ("payment_fingerprint", "signup_prefix", "email_domain")
# share: members who share cards, sign-up networks or addresses, from which the group has one holder or one place (half)
_SHARED_SHARE = 0.5
_PART_SHARE = 0.4  # share: the same from which a part of the group poses, too small to put the group up for review
# share: members who declare an organisation, from which a group does not pose (who hides declares nothing)
_DECLARED_SHARE = 0.25
# share: members at one mail domain of their own from which the group is a firm (a few seats have mail elsewhere)
_OWN_DOMAIN_SHARE = 0.8
# share: members opened within one or two windows of sign-ups, from which they were opened in one go (as for a domain)
_ONE_GO_SHARE = 0.8
# share: members who share something below which nothing ties the accounts (families and small firms are in every group)
_UNLINKED_SHARE = 0.2
# accounts: fewer make a small group (most honest groups that came highest in three generators have five to nine)
_FEW_ACCOUNTS = 10
_RENTED_KINDS = ("hosting", "proxy", "residential proxy", "tor")  # Kinds of addresses that are no venue of people
TEMPLATE_LIFT = 30.0  # times: how much more often members use a template than others, from which it is their own
# accounts: members for each bit of a template of its own (one customer of a reseller has one on a few of its accounts)
ACCOUNTS_PER_BIT = 4.0
# share: requests of the median account outside of the group, from which they are other work (three quarters; seen:
# customers' jobs of resellers .83 to .94, an operation on a rented pool .23)
_OTHER_WORK_SHARE = 0.75
# share: answered tokens of an account outside of the group, from which they are other work (judgement: as much as the
# job, so that cover traffic costs what the harvest does; where tokens are not known, requests alone decide)
_OTHER_ANSWERS_SHARE = 0.5
# share: requests of the group whose client and network its accounts' other requests have, too, from which one operator
# sends both (who works with stolen keys sends from elsewhere than their owners)
_SAME_MACHINES_SHARE = 0.8


class TemplateParameters(NamedTuple):
    """Parameters of a template of its own."""

    bits_per_doubling: float
    cap_bits: float


class LinkedParameters(NamedTuple):
    """Parameters of the search for linked accounts, and of the programs behind an account."""

    key_bits: float
    programs: float
    trace_bits: float


OWN_TEMPLATE = read_parameters(TemplateParameters, "score.own_template")
LINKED = read_parameters(LinkedParameters, "score.linked_accounts")


def _shared_values(case: CandidateCase, name: str) -> tuple[float, float, int]:
    """Share of the members who have a value that several of them and few others have; the commonest one; how many."""
    accounts = case.log.accounts
    if not accounts.customers.codes:
        return 0.0, 0.0, 0
    own = accounts.customers.codes[name][case.candidate.accounts]
    values, members = np.unique(own[own >= 0], return_counts=True)
    group = (members >= _FEWEST_SHARING) & (accounts.holders(name)[values] - members <= _RARE_OUTSIDE * members)
    shared = members[group]
    return float(shared.sum()) / len(own), float(shared.max(initial=0)) / len(own), len(shared)


def _get_holders_kind(case: CandidateCase) -> str:
    """Name of the kind that fits; empty where none does."""
    if "account_holders" not in case.shared:
        case.shared["account_holders"] = _find_holders(case)
    name: str = case.shared["account_holders"]
    return name


def _find_holders(case: CandidateCase) -> str:
    codes, members = case.log.accounts.customers.codes, case.candidate.accounts
    if explained_by_customer(case):
        return ""
    address = _shared_addresses(case)
    if _is_nobody_named(case):
        known, together, several = _usual_networks(case)
        if known < _SHARED_SHARE and _share_with_address(case.log) < _SHARED_SHARE:
            return "unknown_place"
        if together < _SHARED_SHARE or address < _SHARED_SHARE * known:
            return ""
        # An office has one network; who hides has several.
        return "unknown_place" if several == 1 else "one_place"
    cards, networks, domains = (_shared_values(case, name) for name in _LINKING_COLUMNS)
    school = float((codes["institution"][members] > 0).mean()) >= _SHARED_SHARE
    declared = float((case.log.accounts.declared_organisation[members] >= 0).mean())
    of_school = domains[1] >= _SHARED_SHARE and cards[0] < _SHARED_SHARE
    # Who signs up where they all work, and pays each for themselves, may be at a course, a hackathon or an office.
    venue = cards[0] < _UNLINKED_SHARE and networks[1] >= _SHARED_SHARE
    venue = venue and _sent_where_signed_up(case) >= _SHARED_SHARE
    tied = max(cards[0], 0.0 if school or venue else networks[0])
    if tied >= _PART_SHARE and not of_school and declared < _DECLARED_SHARE and not _has_own_domain(case):
        return "posing_customers" if tied >= _SHARED_SHARE else "partly_posing"
    # People in one place pay each for themselves; accounts that one card pays for are a firm's or an operator's.
    if cards[0] < _SHARED_SHARE:
        if max(networks[1], domains[1]) >= _SHARED_SHARE:
            return "one_place"
        if address >= _SHARED_SHARE and _usual_networks(case)[1] >= _SHARED_SHARE:
            return "one_place"
    known = max(float((codes[name][members] >= 0).mean()) for name in _LINKING_COLUMNS)
    if known >= _SHARED_SHARE and max(cards[0], networks[0], domains[0], address) < _UNLINKED_SHARE:
        return "unlinked_customers"
    return ""


def _is_nobody_named(case: CandidateCase) -> bool:
    """Whether the table says of few accounts who pays, where they signed up or have mail, or there is none.

    They must be few in the whole log, because operations that hide leave such fields empty, and so few of the members
    that none of them can be tied to others.
    """
    accounts = case.log.accounts
    if not accounts.customers.codes:
        return True
    own = (float((accounts.customers.codes[name][case.candidate.accounts] >= 0).mean()) for name in _LINKING_COLUMNS)
    return max(accounts.known_shares[name] for name in _LINKING_COLUMNS) < _SHARED_SHARE and max(own) < _PART_SHARE


def _has_own_domain(case: CandidateCase) -> bool:
    """Whether nearly all members are at one mail domain that few others use, in one country, as a firm's are."""
    accounts, members = case.log.accounts, case.candidate.accounts
    codes = accounts.customers.codes
    if "email_domain" not in codes or explained_by_customer(case):
        return False
    own = _shared_values(case, "email_domain")[1] - float((codes["disposable"][members] > 0).mean())
    return own >= _OWN_DOMAIN_SHARE and one_country(accounts, members)


def _weigh_unknown(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """No customer table: what would show most firms is not to be seen."""
    return kind.finding(0.0, {}) if _is_nobody_named(case) else None


def _weigh_domain(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    if not _has_own_domain(case) or _opened_in_one_go(case):
        return None
    return kind.finding(0.0, {"accounts": len(case.candidate.accounts)})


def _opened_in_one_go(case: CandidateCase) -> bool:
    """Whether one session opened the accounts and spread them over several cards and several networks.

    A firm's departments pay and sign up by themselves, each at its own time, and who opens all seats for them has one
    card or one network. A mail domain costs a few dollars, so that it does not outweigh this.
    """
    opened = np.sort(case.log.accounts.customers.codes["created_at"][case.candidate.accounts])
    opened = opened[opened >= 0]
    together = int((np.searchsorted(opened, opened + 1, side="right") - np.arange(len(opened))).max(initial=0))
    if together < _ONE_GO_SHARE * len(case.candidate.accounts):
        return False
    spread = (_shared_values(case, name) for name in ("payment_fingerprint", "signup_prefix"))
    return all(share >= _SHARED_SHARE and several > 1 for share, _, several in spread)


def _shared_addresses(case: CandidateCase) -> float:
    """Share of the members who send from networks that they share beyond chance."""
    found = address_sharing(case, "client_prefix")
    return 0.0 if found is None or found.bits <= 0.0 else found.sharing / len(case.candidate.accounts)


def _usual_networks(case: CandidateCase) -> tuple[float, float, int]:
    """From where members send most of what the group sends: a request from elsewhere costs nothing, and moves nobody.

    Returns the share of the members of whom it is known; of these, the share who have it in common with others; and the
    number of networks that several have.
    """
    if "usual_networks" not in case.shared:
        candidate, column = case.candidate, case.log.requests.table.column("client_prefix")
        code = codes(column.take(pa.array(candidate.rows)))[0]
        # By order of first appearance, since codes depend on the files and ties on the order.
        first, place = np.unique(code, return_index=True, return_inverse=True)[1:]
        sent = np.where(code < 0, -1, np.argsort(np.argsort(first))[place])
        usual = commonest(candidate.row_account, sent, len(candidate.accounts))
        members = np.unique(usual[usual >= 0], return_counts=True)[1]
        known, together = int(members.sum()), float(members[members > 1].sum())
        shares = known / len(usual), together / max(known, 1)
        case.shared["usual_networks"] = (*shares, int((members >= _FEWEST_SHARING).sum()))
    found: tuple[float, float, int] = case.shared["usual_networks"]
    return found


def _share_with_address(log: ScoredLog) -> float:
    """Share of the log's accounts that have sent from a known network."""
    return float((np.diff(log.keys.address("client_prefix").first) > 0).mean())


def _sent_where_signed_up(case: CandidateCase) -> float:
    """Share of the group's requests from known networks that come from where their account signed up, unless hosted."""
    candidate, opened = case.candidate, case.log.accounts.customers.signup_networks
    if opened is None:
        return 0.0
    sent = case.log.requests.table.select(["client_prefix", "ip_kind"]).take(pa.array(candidate.rows))
    same = pc.equal(sent["client_prefix"], opened.take(pa.array(candidate.accounts[candidate.row_account])))
    rented = pc.is_in(plain(sent["ip_kind"]), value_set=pa.array(_RENTED_KINDS))
    return float(pc.mean(pc.and_not(same, rented)).as_py() or 0.0)


def _weigh_holders(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    if _get_holders_kind(case) != kind.name:
        return None
    cards, networks = (_shared_values(case, name) for name in ("payment_fingerprint", "signup_prefix"))
    share, _, values = cards if cards[0] >= networks[0] else networks
    what = "payment instrument" if cards[0] >= networks[0] else "sign-up network"
    figures = {
        "sharing": round(share * len(case.candidate.accounts)),
        "accounts": len(case.candidate.accounts),
        "what": formatting.plural(values, what),
    }
    return kind.finding(0.0, figures, count=len(case.candidate.rows))


def _weigh_template(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """A template of its own, where one operator stands behind accounts that pose as separate customers.

    Strangers share a public prompt, however rare. Where the accounts are one operator's, they have no reason to share
    a template that nobody else has unless they do one job.
    """
    candidate = case.candidate
    if candidate.untemplated or _get_holders_kind(case) not in POSING_KINDS:
        return None
    lift = template_lift(case.log, candidate, case.min_slice_requests)
    if lift < TEMPLATE_LIFT:
        return None
    users = count_template_users(case.log, candidate)
    most = min(OWN_TEMPLATE.cap_bits, users / ACCOUNTS_PER_BIT) * part_of_group(users, len(candidate.accounts))
    bits = min(float(np.log2(lift)) * OWN_TEMPLATE.bits_per_doubling, most)
    # The mix of its phrases may have said as much.
    bits = max(bits - max(phrase_bits(case)[0], 0.0), 0.0)
    found = kind.finding(bits, {"accounts": users, "lift": round(lift)}, rows=candidate.rows)
    return replace(found, count=len(candidate.rows))


def count_programs(requests: Requests, rows: Ints, owner: Ints, accounts: int) -> float:
    """Settings that come back in the median account: about how many programs stand behind it.

    Args:
        rows: requests of the accounts.
        owner: position of the account of each of them, below `accounts`.
    """
    pair, times = np.unique(owner * (1 << 32) + requests.settings[rows] + 1, return_counts=True)
    return float(np.median(np.bincount((pair >> 32)[times > 1], minlength=accounts)))


def _weigh_other_work(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """One operator's accounts that mostly do the work of many others, as a reseller's do.

    A customer of a reseller whose job some of the accounts carry looks like an operation on them: all that ties the
    accounts is the reseller's. Misleads: an operation that hides in a reseller's traffic shows the same.
    """
    if _get_holders_kind(case) not in POSING_KINDS:
        return None
    requests, candidate = case.log.requests, case.candidate
    rows, owner = requests.of_accounts(candidate.accounts), requests.owners(candidate.accounts)
    outside = np.ones(len(rows), bool)
    outside[np.searchsorted(rows, candidate.rows)] = False
    share = float(np.median(1.0 - candidate.volumes / np.bincount(owner)))
    answered = np.maximum(requests.numbers("output_tokens", rows), 0)
    other = np.bincount(owner, answered * outside) >= _OTHER_ANSWERS_SHARE * np.bincount(owner, answered)
    rows, owner = rows[outside], owner[outside]
    mostly = share >= _OTHER_WORK_SHARE and float(other.mean()) >= _SHARED_SHARE
    if not mostly or not _from_same_machines(requests, candidate.rows, rows):
        return None
    programs = count_programs(requests, rows, owner, len(candidate.accounts))
    figures = {"share": share, "settings": round(programs)}
    return kind.finding(0.0, figures, count=len(rows)) if programs >= LINKED.programs else None


def _from_same_machines(requests: Requests, own: Ints, other: Ints) -> bool:
    """Whether nearly all of a group's own requests come from clients and networks of the others; unknown is alike."""
    client, network = requests.client_fingerprint, requests.table.column("client_prefix")
    same = [np.isin(client[own], client[other]), pc.is_in(network.take(own), value_set=network.take(other)).to_numpy()]
    return min(float(found.mean()) for found in same) >= _SAME_MACHINES_SHARE


def _weigh_size(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    accounts = len(case.candidate.accounts)
    return kind.finding(0.0, {"accounts": accounts}) if accounts < _FEW_ACCOUNTS else None


HOLDER_KINDS = tuple(
    declared_kind(name, _weigh_holders, most_bits=0.0, least_bits=0.0)
    for name in (*POSING_KINDS, "one_place", "unlinked_customers", "unknown_place")
)
TEMPLATE_KIND = declared_kind("own_template", _weigh_template, most_bits=OWN_TEMPLATE.cap_bits, least_bits=0.0)
FEW_KIND = declared_kind("few_accounts", _weigh_size, most_bits=0.0, least_bits=0.0)
DOMAIN_KIND = declared_kind("own_mail_domain", _weigh_domain, most_bits=0.0, least_bits=0.0)
OTHER_WORK_KIND = declared_kind("other_work", _weigh_other_work, most_bits=0.0, least_bits=0.0)
UNKNOWN_KIND = declared_kind("unknown_holders", _weigh_unknown, most_bits=0.0, least_bits=0.0)
KINDS = (*HOLDER_KINDS, TEMPLATE_KIND, FEW_KIND, DOMAIN_KIND, UNKNOWN_KIND, OTHER_WORK_KIND)
