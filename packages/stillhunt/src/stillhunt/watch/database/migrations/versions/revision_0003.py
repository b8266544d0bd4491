"""Version 3: appeals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "appeals",
        sa.Column("appeal_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("filed_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("decision", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("decided_at", sa.BigInteger),
        sa.Column("decided_by", sa.String(128)),
        sa.Column("note", sa.Text),
    )
    op.create_index("appeals_by_deadline", "appeals", ["status", "due_at"])
    op.create_index("appeals_of_account", "appeals", ["account_id"])


def downgrade() -> None:
    """Delete the table."""
    op.drop_table("appeals")
