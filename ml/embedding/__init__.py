"""Photos and words as vectors of one space: ``concept-v1``, which needs no weights, and learned spaces, which do."""
