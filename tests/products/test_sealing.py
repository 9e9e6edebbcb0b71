"""Goods at rest are bound to their product and their row."""

from uuid import uuid4

import pytest

from app.kit.crypto import UnsealError
from app.products.service.sealing import seal, unseal

PRODUCT, ITEM = uuid4(), uuid4()


def test_what_is_sealed_is_opened_in_its_place_alone(app) -> None:
    sealed = seal("KEY", product_id=PRODUCT, item_id=ITEM)
    assert unseal(sealed, product_id=PRODUCT, item_id=ITEM) == "KEY"
    for product, item in ((uuid4(), ITEM), (PRODUCT, uuid4()), (ITEM, PRODUCT)):
        with pytest.raises(UnsealError):
            unseal(sealed, product_id=product, item_id=item)
