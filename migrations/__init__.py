"""One Alembic chain; ``kilo migrate`` runs it."""

#: The newest revision. A test compares it with the chain; starting processes compare it with the database.
HEAD = "0004_delivering"
