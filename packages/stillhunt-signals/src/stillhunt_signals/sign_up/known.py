"""What a hunt leaves for sign-ups: which values members of campaigns have, and how many free tiers have each value."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.live import (
    CAMPAIGN_MEMBERS,
    CAMPAIGN_ROWS,
    LEAST_PHRASE_ACCOUNTS,
    LINKED_ACCOUNTS,
    PHRASE_SMOOTHING,
    SENDER_BITS,
    RuleRows,
    WatchDatabase,
)
from stillhunt_signals.sign_up.identifiers import (
    IDENTIFIER_COLUMNS,
    PERSONAL_KINDS,
    Hashes,
    IdentifierKind,
    SignUpHasher,
    TieKind,
    hash_domain,
)


class CampaignTie(NamedTuple):
    """What one value, or what an account asked, has in common with a campaign."""

    kind: TieKind
    campaign_id: str
    status: str  # of the campaign: active, dormant, merged or ended
    bits: float  # by how much more common the value is among its flagged members than elsewhere; at most 10
    members: int  # flagged members with the value
    others: int  # other accounts of the last hunt with it
    statement: str = ""  # of what was asked: why it is linked, which names nobody


@dataclass(frozen=True)
class KnownValues:
    """What is known after a hunt; never changed once made, so that readers need no lock."""

    # kind and value -> the strongest tie of it to each campaign
    ties: Mapping[tuple[IdentifierKind, int], tuple[CampaignTie, ...]]
    campaigns: Mapping[int, tuple[str, str]]  # keyed hash of a flagged member's id -> campaign and its status
    # of cards and mails, the values that accounts with free tiers have, sorted, and how many have each
    trials: Mapping[IdentifierKind, tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]]
    trial_accounts: npt.NDArray[np.uint64]  # keyed hashes of the ids of these accounts, sorted
    linked: Mapping[int, tuple[CampaignTie, ...]]  # keyed hash of an account's id -> its links by what it asked

    def has_trial(self, account: int) -> bool:
        """Whether the hunt saw this account, by the keyed hash of its id, with a free tier."""
        place = int(np.searchsorted(self.trial_accounts, np.uint64(account)))
        return place < len(self.trial_accounts) and int(self.trial_accounts[place]) == account

    def count_trials(self, kind: IdentifierKind, value: int) -> int:
        """Accounts with a free tier and a value; 0 for kinds that the accounts table does not have."""
        if kind not in self.trials:
            return 0
        values, counts = self.trials[kind]
        place = int(np.searchsorted(values, np.uint64(value)))
        return int(counts[place]) if place < len(values) and values[place] == value else 0


NOTHING_KNOWN = KnownValues({}, {}, {}, np.zeros(0, np.uint64), {})


def collect_known_values(
    rows: RuleRows, database: WatchDatabase, hasher: SignUpHasher, trial_plans: Collection[str]
) -> KnownValues:
    """What the rows of a snapshot and the members of campaigns say."""
    member = CAMPAIGN_MEMBERS.c
    status = _read_status(database)
    flagged: defaultdict[str, set[str]] = defaultdict(set)
    for row in database.read(CAMPAIGN_MEMBERS.select().where(member.flagged == 1)):
        flagged[row["campaign_id"]].add(row["account_id"])
    everybody = sorted(set().union(*flagged.values())) if flagged else []
    hashed = dict(
        zip(everybody, hasher.secrets_of("account", pa.array(everybody, pa.string())).to_pylist(), strict=True)
    )
    ties: defaultdict[tuple[IdentifierKind, int], list[CampaignTie]] = defaultdict(list)
    for kind in IDENTIFIER_COLUMNS:
        for tie_value, tie in _list_ties(kind, rows, flagged, status):
            ties[kind, tie_value].append(tie)
    campaigns = {hashed[name]: (one, status.get(one, "ended")) for one, names in flagged.items() for name in names}
    own = filter_trials(rows.accounts, trial_plans)
    trials = {
        kind: _count_values(own[IDENTIFIER_COLUMNS[kind]]) for kind in PERSONAL_KINDS if kind in IDENTIFIER_COLUMNS
    }
    accounts, _ = _count_values(hasher.secrets_of("account", own["account_id"].cast(pa.string()).combine_chunks()))
    return KnownValues({about: tuple(found) for about, found in ties.items()}, campaigns, trials, accounts, {})


def _read_status(database: WatchDatabase) -> dict[str, str]:
    return {row["campaign_id"]: row["status"] for row in database.read(CAMPAIGN_ROWS.select())}


def list_links(database: WatchDatabase, hasher: SignUpHasher) -> dict[int, tuple[CampaignTie, ...]]:
    """Links by a campaign's template or its work queue, of accounts by the keyed hashes of their ids."""
    status = _read_status(database)
    rows = database.read(LINKED_ACCOUNTS.select())
    hashed = hasher.secrets_of("account", pa.array([row["account_id"] for row in rows], pa.string())).to_pylist()
    found: defaultdict[int, list[CampaignTie]] = defaultdict(list)
    for account, row in zip(hashed, rows, strict=True):
        name, why = row["campaign_id"], json.loads(row["reasons"])
        bits = min(round(row["bits"], 2), SENDER_BITS.most_sender_bits)
        found[account].append(
            CampaignTie("requests", name, status.get(name, "ended"), bits, 0, 0, why[0] if why else "")
        )
    return {account: tuple(ties) for account, ties in found.items()}


def _list_ties(
    kind: IdentifierKind, rows: RuleRows, flagged: Mapping[str, set[str]], status: Mapping[str, str]
) -> list[tuple[int, CampaignTie]]:
    """The ties of all values of a kind, in the way in which links of replacement accounts are weighed."""
    own = _values_of(rows.members, kind)
    everybody = set().union(*flagged.values()) if flagged else set()
    elsewhere = Counter(value for name, value in _values_of(rows.accounts, kind).items() if name not in everybody)
    others = elsewhere.total()
    found = []
    for campaign, names in flagged.items():
        values = [own[name] for name in names if name in own]
        for value, inside in Counter(values).items():
            outside = elsewhere[value]
            if kind in PERSONAL_KINDS:
                bits = SENDER_BITS.most_sender_bits if inside >= outside else 0.0
            elif inside >= LEAST_PHRASE_ACCOUNTS:
                usual = (outside + PHRASE_SMOOTHING) / (others + 2.0 * PHRASE_SMOOTHING)
                bits = min(math.log2(inside / len(values) / usual), SENDER_BITS.most_sender_bits)
            else:
                continue
            if bits > 0.0:
                tie = CampaignTie(kind, campaign, status.get(campaign, "ended"), round(bits, 2), inside, outside)
                found.append((value, tie))
    return found


def _values_of(table: pa.Table, kind: IdentifierKind) -> dict[str, int]:
    column = IDENTIFIER_COLUMNS[kind]
    known = table.filter(pc.is_valid(table[column]))
    values = known[column].to_pylist()
    return dict(
        zip(known["account_id"].to_pylist(), map(hash_domain, values) if kind == "domain" else values, strict=True)
    )


def filter_trials(accounts: pa.Table, plans: Collection[str]) -> pa.Table:
    """The accounts with one of some plans, whatever the case of its letters."""
    wanted = pa.array(sorted(one.lower() for one in plans), pa.string())
    return accounts.filter(pc.is_in(pc.utf8_lower(accounts["plan"]), value_set=wanted))


def _count_values(column: pa.Array | pa.ChunkedArray) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    values, counts = np.unique(column.drop_null().to_numpy().astype(np.uint64), return_counts=True)
    return values, counts.astype(np.int64)


def ties_of(known: KnownValues, hashes: Hashes) -> list[CampaignTie]:
    """All ties of a new customer's values."""
    return [tie for about in hashes.items() for tie in known.ties.get(about, ())]
