"""Version 6: parts of the decision log are found without reading all of it."""

from alembic import op

from stillhunt.watch.database.tables import DECISIONS
from stillhunt.watch.database.versions import ADDED_INDEXES

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the indexes."""
    for index in DECISIONS.indexes:
        if index.name in ADDED_INDEXES[6]["decisions"]:
            index.create(op.get_bind())


def downgrade() -> None:
    """Delete them."""
    for name in ADDED_INDEXES[6]["decisions"]:
        op.drop_index(name, "decisions")
