"""The GraphQL door: context, loaders, limits, transports. The types are in ``schema``, the verbs in ``resolvers``."""
