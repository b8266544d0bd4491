"""Version 3: appeals."""

from functools import partial

from stillhunt.watch.database.migrations.steps import delete_tables, make_tables

revision = "0003"
down_revision = "0002"
upgrade, downgrade = partial(make_tables, 3), partial(delete_tables, 3)
