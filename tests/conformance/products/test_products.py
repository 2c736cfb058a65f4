"""What every implementation of ordermesh.products.v1.ProductsService does, with the seeded catalogue."""

import uuid
from collections.abc import Callable

import grpc
import pytest
from google.type.money_pb2 import Money

from ops.client import Metadata
from ordermesh.products.v1 import products_pb2, products_service_pb2_grpc
from ordermesh.products.v1 import products_service_pb2 as pb
from tests.harness.customer import Customer
from tests.harness.refusals import refused

pytestmark = pytest.mark.suite

SECONDS = 10.0
SKU = "MUG-BLUE"


class Products:
    """The service as anybody calls it."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.stub = products_service_pb2_grpc.ProductsServiceStub(channel)

    def get(self, sku: str) -> products_pb2.Product:
        return self.stub.GetProduct(pb.GetProductRequest(sku=sku), timeout=SECONDS).product

    def batch(self, *skus: str) -> list[str]:
        request = pb.BatchGetProductsRequest(skus=skus)
        return [product.sku for product in self.stub.BatchGetProducts(request, timeout=SECONDS).products]

    def page(self, size: int = 0, token: str = "", query: str = "") -> pb.ListProductsResponse:
        request = pb.ListProductsRequest(page_size=size, page_token=token, query=query)
        return self.stub.ListProducts(request, timeout=SECONDS)

    def all(self, size: int = 100, query: str = "") -> list[products_pb2.Product]:
        """Every product, page by page."""
        page = self.page(size, query=query)
        found = list(page.products)
        while page.next_page_token:
            page = self.page(size, page.next_page_token, query)
            found += page.products
        return found

    def update_price(self, caller: Metadata, price: Money, sku: str = SKU, request_id: str = "") -> Money:
        request = pb.UpdatePriceRequest(request_id=request_id or str(uuid.uuid4()), sku=sku, price=price)
        return self.stub.UpdatePrice(request, metadata=caller, timeout=SECONDS).product.price


@pytest.fixture(scope="module")
def products(channel_to: Callable[[str], grpc.Channel]) -> Products:
    return Products(channel_to("products"))


def test_a_product_is_complete(products: Products) -> None:
    product = products.get(SKU)
    assert product.sku == SKU
    assert product.title
    assert product.description
    assert product.category
    assert product.price.currency_code == "EUR"
    assert product.price.units > 0
    assert product.update_time.seconds > 0


def test_an_unknown_product_is_not_found(products: Products) -> None:
    assert refused(lambda: products.get("NO-SUCH-PRODUCT")).short == ("NOT_FOUND", "PRODUCT_NOT_FOUND")


def test_a_batch_comes_in_the_order_asked_for(products: Products) -> None:
    skus = [product.sku for product in products.all()]
    wanted = [skus[3], skus[0], skus[7]]
    assert products.batch(*wanted) == wanted


def test_a_batch_with_an_unknown_product_is_refused_as_a_whole(products: Products) -> None:
    said = refused(lambda: products.batch(SKU, "NO-SUCH-PRODUCT"))
    assert said.short == ("NOT_FOUND", "PRODUCT_NOT_FOUND")
    assert "NO-SUCH-PRODUCT" in " ".join(said.metadata.values())


def test_a_batch_names_each_product_once_and_at_least_one(products: Products) -> None:
    assert refused(lambda: products.batch(SKU, SKU)).fields == ("skus",)
    assert refused(lambda: products.batch()).fields == ("skus",)


def test_the_catalogue_is_seeded_and_sorted_by_sku(products: Products) -> None:
    skus = [product.sku for product in products.all()]
    assert len(skus) >= 50
    assert skus == sorted(set(skus))


@pytest.mark.parametrize("size", [1, 7, 49])
def test_pages_of_any_size_show_every_product_once(products: Products, size: int) -> None:
    assert products.all(size) == products.all(100)


def test_a_page_has_twenty_products_unless_asked_and_never_more_than_a_hundred(products: Products) -> None:
    assert len(products.page().products) == 20
    assert len(products.page(3).products) == 3
    assert len(products.page(2**31 - 1).products) <= 100


def test_a_search_finds_all_its_words_in_any_case(products: Products) -> None:
    product = products.get(SKU)
    word = product.title.split()[0]
    for query in (word.upper(), word.lower(), f"{product.category} {word}", f"  {word}  "):
        assert SKU in [found.sku for found in products.all(query=query)]
    assert products.all(query=f"{word} no-such-word") == []


@pytest.mark.parametrize("query", ["%", "_", "\\", "'", '"', "100%_\\", "ÄÖ☃"])
def test_a_search_takes_every_character_for_itself(products: Products, query: str) -> None:
    for found in products.all(query=query):
        text = f"{found.title} {found.description} {found.category}".lower()
        assert query.lower() in text


def test_a_token_of_another_search_is_refused(products: Products) -> None:
    token = products.page(5).next_page_token
    said = refused(lambda: products.page(5, token, "mug"))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", ("page_token",))


def test_a_broken_token_and_a_negative_size_are_refused(products: Products) -> None:
    assert refused(lambda: products.page(token="x")).short == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID")
    assert refused(lambda: products.page(-1)).fields == ("page_size",)


def test_an_operator_sets_a_price_once_per_request(products: Products, olga: Metadata) -> None:
    sku, request_id = products.all()[-1].sku, str(uuid.uuid4())
    before = products.get(sku).price
    first = Money(currency_code="EUR", units=before.units + 1, nanos=990_000_000)
    second = Money(currency_code="EUR", units=before.units + 2)
    try:
        assert products.update_price(olga, first, sku, request_id) == first
        assert products.update_price(olga, second, sku) == second
        products.update_price(olga, first, sku, request_id)
        assert products.get(sku).price == second
        said = refused(lambda: products.update_price(olga, second, sku, request_id))
        assert said.short == ("INVALID_ARGUMENT", "REQUEST_ID_MISMATCH")
    finally:
        products.update_price(olga, before, sku)


def test_a_customer_sets_no_price(products: Products, customer: Customer) -> None:
    price = products.get(SKU).price
    said = refused(lambda: products.update_price(customer.metadata, Money(currency_code="EUR", units=1)))
    assert said.short == ("PERMISSION_DENIED", "OPERATOR_REQUIRED")
    assert products.get(SKU).price == price


@pytest.mark.parametrize(
    "price",
    [
        Money(currency_code="EUR"),
        Money(currency_code="EUR", units=1, nanos=5),
        Money(currency_code="EUR", units=2_000_000),
        Money(currency_code="Euro", units=1),
    ],
    ids=["nothing", "below a cent", "too much", "no currency"],
)
def test_a_price_that_is_no_money_is_refused(products: Products, olga: Metadata, price: Money) -> None:
    said = refused(lambda: products.update_price(olga, price))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "MONEY_INVALID", ("price",))


def test_a_product_keeps_its_currency(products: Products, olga: Metadata) -> None:
    said = refused(lambda: products.update_price(olga, Money(currency_code="USD", units=1)))
    assert said.short == ("INVALID_ARGUMENT", "MONEY_INVALID")


def test_the_price_of_an_unknown_product_is_not_found(products: Products, olga: Metadata) -> None:
    price = Money(currency_code="EUR", units=1)
    said = refused(lambda: products.update_price(olga, price, "NO-SUCH-PRODUCT"))
    assert said.short == ("NOT_FOUND", "PRODUCT_NOT_FOUND")
