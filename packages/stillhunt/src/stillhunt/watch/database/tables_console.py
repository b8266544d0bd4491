"""Tables of the console: work on campaigns, people who sign in, and what they looked at.

Times are microseconds since 1970, UTC. The narrative and comments are what analysts write; excerpts stay in snapshots.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from stillhunt.watch.database.tables import METADATA

CASES = Table(
    "cases",
    METADATA,
    Column("campaign_id", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("assignee", String(128), nullable=False),
    Column("labels", Text, nullable=False),
    Column("narrative", Text, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", String(128), nullable=False),
    Column("look_at", BigInteger, nullable=False, server_default="0"),
    Column("due_at", BigInteger, nullable=False, server_default="0"),
)
"""One row for each campaign that somebody works on: status is open, watched, acted or dismissed; reason is why it was
dismissed; labels is JSON; version counts its changes. It is looked at again at look_at and to be decided by due_at; 0
is never. A campaign without a row is new."""

CASE_EVENTS = Table(
    "case_events",
    METADATA,
    Column("event_id", Integer, primary_key=True, autoincrement=True),
    Column("campaign_id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(128), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("note", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Index("case_events_of", "campaign_id", "version", unique=True),
)
"""What was done to a case, in order; before and after are the fields that changed, as JSON."""

SAVED_FILTERS = Table(
    "saved_filters",
    METADATA,
    Column("filter_id", Integer, primary_key=True, autoincrement=True),
    Column("owner", String(128), nullable=False),
    Column("page", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("query", Text, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Index("saved_filters_of", "page", "owner"),
)
"""Views of a table that somebody named: query is what stands behind the question mark of its URL."""

PERSONS = Table(
    "users",
    METADATA,
    Column("user_id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password", Text),
    Column("subject", Text, unique=True),
    Column("made_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
)
"""People of the console: role is viewer, analyst or admin; password is its argon2 hash, subject who it is to the
provider of OpenID Connect or to the trusted proxy."""

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("user_id", Integer, ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False),
    Column("form_token", String(64), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
"""Who is signed in: digest is the SHA-256 of the cookie, form_token stands in each form of the session."""

AUDIT = Table(
    "audit",
    METADATA,
    Column("audit_id", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("who", String(128), nullable=False),
    Column("what", String(32), nullable=False),
    Column("about", Text, nullable=False),
    Index("audit_by_time", "at"),
    Index("audit_by_person", "who", "at"),
)
"""Looks at personal data, sign-ins and changes of people and settings: who did what, and about what."""
