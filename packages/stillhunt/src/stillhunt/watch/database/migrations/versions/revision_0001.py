"""Version 1: snapshots, campaigns, tokens, alerts and legal holds."""

from functools import partial

from stillhunt.watch.database.migrations.steps import delete_tables, make_tables

revision = "0001"
down_revision = None
upgrade, downgrade = partial(make_tables, 1), partial(delete_tables, 1)
