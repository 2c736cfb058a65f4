"""The rules of the catalogue."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.products import domain
from services.products.domain import CurrencyMismatch, Price, Product, ProductNotFound

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
MUG = Product("MUG-BLUE", "Harbour Mug", "Stoneware.", "kitchen", Price(1250, "EUR"), NOON)
TEA = Product("TEA-GREEN", "Spring Sencha", "Green tea.", "tea", Price(490, "EUR"), NOON)


def test_a_new_price_changes_the_price_and_the_time_only() -> None:
    repriced = domain.reprice(MUG, Price(1300, "EUR"), LATER)
    assert repriced == replace(MUG, price=Price(1300, "EUR"), update_time=LATER)


def test_the_same_price_changes_nothing() -> None:
    assert domain.reprice(MUG, MUG.price, LATER) == MUG


def test_a_product_keeps_its_currency() -> None:
    with pytest.raises(CurrencyMismatch) as caught:
        domain.reprice(MUG, Price(1250, "USD"), LATER)
    assert caught.value.details == {"sku": "MUG-BLUE", "currency_code": "EUR"}


def test_products_come_in_the_order_asked_for() -> None:
    found = {"MUG-BLUE": MUG, "TEA-GREEN": TEA}
    assert domain.in_order_asked(["TEA-GREEN", "MUG-BLUE"], found) == (TEA, MUG)


def test_all_missing_products_are_named_at_once() -> None:
    with pytest.raises(ProductNotFound) as caught:
        domain.in_order_asked(["NO-1", "MUG-BLUE", "NO-2"], {"MUG-BLUE": MUG})
    assert caught.value.details == {"sku": "NO-1,NO-2"}
    assert str(caught.value) == "there is no product NO-1, NO-2"


def test_a_hundred_missing_products_make_a_short_message_and_complete_details() -> None:
    skus = [f"NO-{number}" for number in range(100)]
    error = ProductNotFound(skus)
    assert str(error).endswith("NO-9 and 90 more")
    assert error.details["sku"].split(",") == skus


@pytest.mark.parametrize("query", ["Blue mug", "  mug\tBLUE ", "mug blue MUG"])
def test_a_search_is_a_set_of_words_in_any_case(query: str) -> None:
    assert domain.words(query) == ("blue", "mug")


@pytest.mark.parametrize(("found", "more"), [([MUG], False), ([MUG, TEA], True)])
def test_a_page_says_whether_there_is_more_and_does_not_show_it(found: list[Product], more: bool) -> None:
    page = domain.page(found, 1)
    assert (page.products, page.more) == ((MUG,), more)
