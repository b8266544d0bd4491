"""Version 2: the decision log."""

from functools import partial

from stillhunt.watch.database.migrations.steps import delete_tables, make_tables

revision = "0002"
down_revision = "0001"
upgrade, downgrade = partial(make_tables, 2), partial(delete_tables, 2)
