"""One Alembic chain; ``kilo migrate`` runs it."""
