"""Which installed models work."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, SystemTable


class ModelInUse(Base, SystemTable):
    """The model that does one kind of work on every worker of the installation. ``sha256`` is of its first file."""

    __tablename__ = "models_in_use"

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    sha256: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime]
