"""Version 7: cases have a day on which they are looked at again, and one by which they are decided."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns."""
    for name in ("look_at", "due_at"):
        op.add_column("cases", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Delete them."""
    for name in ("look_at", "due_at"):
        op.drop_column("cases", name)
