"""The REST door: one route table, bodies in, views out. It implements the contract in ``schema/openapi``."""
