"""Version 1: snapshots, campaigns, tokens, alerts and legal holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "meta",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("from_time", sa.BigInteger),
        sa.Column("to_time", sa.BigInteger),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("accounts", sa.BigInteger, nullable=False),
        sa.Column("rejected", sa.BigInteger, nullable=False),
        sa.Column("cpu_seconds", sa.Float, nullable=False),
        sa.Column("required_bits", sa.Float, nullable=False),
        sa.Column("days", sa.Float, nullable=False),
    )
    _make_campaigns()
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.String(16), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("scopes", sa.String(128), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
    )
    _make_alerts()
    op.create_table(
        "holds",
        sa.Column("hold_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("from_time", sa.BigInteger),
        sa.Column("to_time", sa.BigInteger),
        sa.Column("released_at", sa.BigInteger),
    )


def downgrade() -> None:
    """Delete the tables, those that name others first."""
    for table in ("holds", "deliveries", "alerts", "linked_accounts", "tokens", "campaign_events"):
        op.drop_table(table)
    for table in ("campaign_members", "campaigns", "snapshots", "meta"):
        op.drop_table(table)


def _make_campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("campaign_id", sa.String(64), primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("first_snapshot", sa.Integer, nullable=False),
        sa.Column("last_snapshot", sa.Integer, nullable=False),
        sa.Column("first_seen", sa.BigInteger),
        sa.Column("last_seen", sa.BigInteger),
    )
    op.create_table(
        "campaign_members",
        sa.Column(
            "campaign_id", sa.String(64), sa.ForeignKey("campaigns.campaign_id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("flagged", sa.Integer, nullable=False),
        sa.Column("first_snapshot", sa.Integer, nullable=False),
        sa.Column("last_snapshot", sa.Integer, nullable=False),
    )
    op.create_table(
        "campaign_events",
        sa.Column("event_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("campaign_id", sa.String(64), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("others", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("campaign_events_of", "campaign_events", ["campaign_id", "sequence"])
    op.create_table(
        "linked_accounts",
        sa.Column(
            "campaign_id", sa.String(64), sa.ForeignKey("campaigns.campaign_id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("bits", sa.Float, nullable=False),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
    )


def _make_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("campaign_id", sa.String(64)),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("alert_id", sa.String(64), sa.ForeignKey("alerts.alert_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("channel", sa.String(128), primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_try", sa.BigInteger),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("failure", sa.Text),
    )
