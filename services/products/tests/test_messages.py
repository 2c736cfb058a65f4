"""The translation between the catalogue and its protos."""

import uuid
from datetime import UTC, datetime

import pytest
from google.type.money_pb2 import Money

from kit.errors import Problem
from ordermesh.products.v1 import products_service_pb2 as pb
from services.products import messages
from services.products.domain import Page, Price, Product
from services.products.usecases import ListProducts

NOON = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
MUG = Product("MUG-BLUE", "Harbour Mug", "Stoneware.", "kitchen", Price(1250, "EUR"), NOON)
OLGA = uuid.UUID("00000000-0000-4000-8000-000000000136")


def test_a_product_on_the_wire_has_everything_and_exact_money() -> None:
    message = messages.from_product(MUG)
    assert (message.sku, message.title, message.description, message.category) == (
        "MUG-BLUE",
        "Harbour Mug",
        "Stoneware.",
        "kitchen",
    )
    assert message.price == Money(currency_code="EUR", units=12, nanos=500_000_000)
    assert message.update_time.ToDatetime(UTC) == NOON


def test_a_new_price_arrives_in_minor_units() -> None:
    request = pb.UpdatePriceRequest(request_id=str(uuid.uuid4()), sku="MUG-BLUE")
    request.price.CopyFrom(Money(currency_code="EUR", units=9, nanos=990_000_000))
    command = messages.to_update_price(request, OLGA)
    assert (command.sku, command.price) == ("MUG-BLUE", Price(999, "EUR"))
    assert (command.key.subject, str(command.key.request_id)) == (str(OLGA), request.request_id)


def test_the_next_page_starts_after_the_last_product_of_this_one() -> None:
    first = pb.ListProductsRequest(query="harbour mug", page_size=1)
    token = messages.from_page(Page((MUG,), more=True), messages.to_list_products(first)).next_page_token
    second = pb.ListProductsRequest(query="Mug  Harbour", page_token=token)
    assert messages.to_list_products(second) == ListProducts(("harbour", "mug"), "MUG-BLUE", 20)


def test_the_last_page_has_no_next_one() -> None:
    query = messages.to_list_products(pb.ListProductsRequest())
    assert messages.from_page(Page((MUG,), more=False), query).next_page_token == ""


def test_a_page_token_of_another_search_is_refused() -> None:
    query = messages.to_list_products(pb.ListProductsRequest(query="mug"))
    token = messages.from_page(Page((MUG,), more=True), query).next_page_token
    with pytest.raises(Problem) as caught:
        messages.to_list_products(pb.ListProductsRequest(query="tea", page_token=token))
    assert caught.value.reason == "PAGE_TOKEN_INVALID"
