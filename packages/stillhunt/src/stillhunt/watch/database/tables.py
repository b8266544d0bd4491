"""Tables of the database; a change of them is a new revision in `migrations/versions`, and a higher `store.VERSION`.

It never holds content of requests. Times are microseconds since 1970, UTC.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

METADATA = MetaData()

VERSION_ROW = "version"  # name of the row of META that holds the version of the tables

META = Table("meta", METADATA, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False))
"""Version of the tables, and what else is one value for the whole folder."""

REVISION = Table(
    "alembic_version",
    METADATA,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""The same version as Alembic names it, in its own table; it is here so that new databases need no Alembic."""

SNAPSHOT_ROWS = Table(
    "snapshots",
    METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("made_at", BigInteger, nullable=False),
    Column("from_time", BigInteger),
    Column("to_time", BigInteger),
    Column("requests", BigInteger, nullable=False),
    Column("accounts", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("cpu_seconds", Float, nullable=False),
    Column("required_bits", Float, nullable=False),
    Column("days", Float, nullable=False),
)
"""One row for each hunt that was completed."""

CAMPAIGN_ROWS = Table(
    "campaigns",
    METADATA,
    Column("campaign_id", String(64), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("score", Float, nullable=False),
    Column("first_snapshot", Integer, nullable=False),
    Column("last_snapshot", Integer, nullable=False),
    Column("first_seen", BigInteger),
    Column("last_seen", BigInteger),
)
"""Campaigns with their lasting ids; status is active, dormant, merged or ended."""

CAMPAIGN_MEMBERS = Table(
    "campaign_members",
    METADATA,
    Column("campaign_id", String(64), ForeignKey("campaigns.campaign_id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("flagged", Integer, nullable=False),
    Column("first_snapshot", Integer, nullable=False),
    Column("last_snapshot", Integer, nullable=False),
)
"""Every account that was a member, with its harvested requests when it was last seen as one."""

CAMPAIGN_EVENTS = Table(
    "campaign_events",
    METADATA,
    Column("event_id", Integer, primary_key=True, autoincrement=True),
    Column("sequence", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("campaign_id", String(64), nullable=False),
    Column("event", String(32), nullable=False),
    Column("others", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("campaign_events_of", "campaign_id", "sequence"),
)
"""What happened to a campaign: born, merged, split, dormant, returned, ended, verdict changed; others is JSON."""

TOKENS = Table(
    "tokens",
    METADATA,
    Column("token_id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("name", String(128), nullable=False),
    Column("scopes", String(128), nullable=False),
    Column("source", String(64), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)
"""Tokens of HTTP clients; the token itself is shown once and only its SHA-256 is kept."""

LINKED_ACCOUNTS = Table(
    "linked_accounts",
    METADATA,
    Column("campaign_id", String(64), ForeignKey("campaigns.campaign_id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("bits", Float, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("reasons", Text, nullable=False),
)
"""Accounts that matched a campaign's signature and were no members; no verdict on them. reasons is JSON."""

LINKED_SENDERS = Table(
    "linked_senders",
    METADATA,
    Column("campaign_id", String(64), ForeignKey("campaigns.campaign_id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("bits", Float, nullable=False),
)
"""Linked accounts and members whose program, settings and network are like the campaign's, and by how many bits."""

ALERTS = Table(
    "alerts",
    METADATA,
    Column("alert_id", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("campaign_id", String(64)),
    Column("body", Text, nullable=False),
)
"""Changes that matter, each once: the id is made from what changed, so that recording it twice is one row."""

DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("alert_id", String(64), ForeignKey("alerts.alert_id", ondelete="CASCADE"), primary_key=True),
    Column("channel", String(128), primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("next_try", BigInteger),
    Column("sent_at", BigInteger),
    Column("failure", Text),
)
"""One row for each alert and channel: when it was sent, or when it is tried again."""

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("made_at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("account_id", Text, nullable=False),
    Column("action", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("author", String(128), nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("campaign_id", String(64), nullable=False),
    Column("snapshot", Integer, nullable=False),
    Column("undoes", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("before", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Index("decisions_of_account", "account_id", postgresql_using="hash"),  # ids may be too long for a tree
    Index("decisions_of_campaign", "campaign_id", "seq"),
    Index("decisions_by_made_at", "made_at"),
    Index("decisions_by_expires_at", "expires_at"),
    Index("decisions_by_undoes", "undoes"),
)
"""The decision log: rows are added and never changed; each has the hash of the one before it (`stillhunt.decide`)."""

APPEALS = Table(
    "appeals",
    METADATA,
    Column("appeal_id", Integer, primary_key=True, autoincrement=True),
    Column("filed_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("decision", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("by", String(128), nullable=False),
    Column("status", String(16), nullable=False),
    Column("decided_at", BigInteger),
    Column("decided_by", String(128)),
    Column("note", Text),
    Index("appeals_by_deadline", "status", "due_at"),
    Index("appeals_of_account", "account_id"),
)
"""Appeals against decisions; decision is a place in the log, status is open, upheld, overturned or lapsed. text is what
the customer says, note is for colleagues."""

HOLDS = Table(
    "holds",
    METADATA,
    Column("hold_id", Integer, primary_key=True, autoincrement=True),
    Column("made_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("from_time", BigInteger),
    Column("to_time", BigInteger),
    Column("released_at", BigInteger),
)
"""Legal holds: nothing of the time between is deleted until the hold is released."""
