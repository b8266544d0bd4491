"""Version 5: what shows who sends the requests of linked accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "linked_senders",
        sa.Column(
            "campaign_id", sa.String(64), sa.ForeignKey("campaigns.campaign_id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("bits", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Delete the table."""
    op.drop_table("linked_senders")
