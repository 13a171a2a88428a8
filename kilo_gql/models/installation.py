"""The one row about this installation."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from kilo_gql.models.base import Base, Identified, Stamped, SystemTable


class Installation(Identified, Stamped, Base, SystemTable):
    """``epoch`` rises when the database is restored: cursors of the older timeline are then answered by a reset.

    ``store_id`` is in the marker of the object store that belongs to this database; None until one was first opened.
    ``verifying_since``: when the check of all originals began that has not come to its end; None: none has begun.
    """

    __tablename__ = "installation"

    epoch: Mapped[int] = mapped_column(BigInteger)
    store_id: Mapped[str | None]
    verifying_since: Mapped[datetime | None]
