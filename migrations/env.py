"""Runs the chain on the connection that ``kilo_gql.migrate`` hands over."""

from alembic import context

from kilo_gql.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=True,
    compare_type=True,
)

with context.begin_transaction():
    context.run_migrations()
