"""What administrators do to listings."""

from uuid import UUID

from app.kit.db import lock, transactional
from app.kit.outbox import emit
from app.products.errors import NoSuchProduct
from app.products.events import ProductRemoved, ProductRestored
from app.products.models import RESTORATION, Product, ProductState
from app.products.service.products import move


@transactional
def remove(*, moderator_id: UUID, product_id: UUID, reason: str) -> None:
    """Take a product out of the shop. Raises NoSuchProduct, NotThisState."""
    product = _locked(product_id)
    move(product, ProductState.REMOVED)
    product.removed_by = moderator_id
    product.removed_reason = reason
    emit(ProductRemoved(product.id, product.version, product.seller_id, product.title, reason))


@transactional
def restore(*, product_id: UUID) -> None:
    """Bring a removed product back, hidden. Raises NoSuchProduct, NotThisState."""
    product = _locked(product_id)
    move(product, ProductState.HIDDEN, RESTORATION)
    product.removed_by = None
    product.removed_reason = None
    emit(ProductRestored(product.id, product.version, product.seller_id, product.title))


def _locked(product_id: UUID) -> Product:
    product = lock(Product, product_id)
    if product is None:
        raise NoSuchProduct
    return product
