"""Version 5: what shows who sends the requests of linked accounts."""

from functools import partial

from stillhunt.watch.database.migrations.steps import delete_tables, make_tables

revision = "0005"
down_revision = "0004"
upgrade, downgrade = partial(make_tables, 5), partial(delete_tables, 5)
