"""GraphQL's verbs: root fields, one module a noun, each body one call to the throat."""
