"""Version 6: parts of the decision log are found without reading all of it."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

_INDEXES = {
    "decisions_of_campaign": ["campaign_id", "seq"],
    "decisions_by_made_at": ["made_at"],
    "decisions_by_expires_at": ["expires_at"],
    "decisions_by_undoes": ["undoes"],
}


def upgrade() -> None:
    """Make the indexes."""
    op.create_index("decisions_of_account", "decisions", ["account_id"], postgresql_using="hash")
    for name, columns in _INDEXES.items():
        op.create_index(name, "decisions", columns)


def downgrade() -> None:
    """Delete them."""
    for name in ("decisions_of_account", *_INDEXES):
        op.drop_index(name, "decisions")
