"""Why a model file cannot be used."""

from __future__ import annotations


class Unusable(Exception):
    """The file is not the model it should be, or what runs it is not installed. The message is for a person."""
