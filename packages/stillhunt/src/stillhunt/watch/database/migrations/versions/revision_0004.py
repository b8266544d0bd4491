"""Version 4: the console: cases, saved filters, users with their sessions, and the audit."""

from functools import partial

from stillhunt.watch.database.migrations.steps import delete_tables, make_tables

revision = "0004"
down_revision = "0003"
upgrade, downgrade = partial(make_tables, 4), partial(delete_tables, 4)
