"""What Alembic runs for each command: the revisions, on the connection that it was given, in its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
with context.begin_transaction():  # does nothing where one has begun
    context.run_migrations()
