"""Tables of uploaded photos."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model
from app.kit.ids import new_id


class Photo(Model):
    """A photo; its re-encoded sizes are files named after the id."""

    __tablename__ = "photo"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    # Since when another one stands in its place.
    replaced_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        Index("ix_photo_replaced", "replaced_at", postgresql_where="replaced_at IS NOT NULL"),
    )
