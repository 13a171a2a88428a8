"""The one row about this installation."""

from __future__ import annotations

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, Identified, Stamped, SystemTable


class Installation(Identified, Stamped, Base, SystemTable):
    """``epoch`` rises when the database is restored: cursors of the older timeline are then answered by a reset."""

    __tablename__ = "installation"

    epoch: Mapped[int] = mapped_column(BigInteger)
