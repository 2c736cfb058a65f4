"""The service as its callers see it: the real server on a real database, with good and bad input."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import grpc
import pytest
from google.type.money_pb2 import Money

from kit.testing.postgres import scratch_url
from kit.testing.serve import Told, serving
from kit.testing.tokens import Issuer
from ordermesh.products.v1 import products_service_pb2 as pb
from ordermesh.products.v1 import products_service_pb2_grpc
from services.products.settings import Settings
from services.products.wiring import MIGRATIONS, build

pytestmark = pytest.mark.postgres
ISSUER = Issuer()
OLGA = ISSUER.authorization(uuid.uuid4(), "operator")
ADA = ISSUER.authorization(uuid.uuid4())
EUR_13 = Money(currency_code="EUR", units=13)
SEEDS = MIGRATIONS.parent / "seeds" / "20261123000001_catalogue.sql"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with scratch_url(MIGRATIONS) as url:
        await execute(url, SEEDS.read_text())
        yield url


@pytest.fixture
async def channel(url: str) -> AsyncIterator[grpc.aio.Channel]:
    settings = Settings(listen="127.0.0.1:1", database_url=url, users_address="127.0.0.1:1")
    app = replace(build(settings), tokens=ISSUER.verifier())
    async with serving("products", app) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return products_service_pb2_grpc.ProductsServiceStub(channel)


def new_price(sku: str = "MUG-BLUE", price: Money = EUR_13) -> pb.UpdatePriceRequest:
    return pb.UpdatePriceRequest(request_id=str(uuid.uuid4()), sku=sku, price=price)


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


async def refused(call: Any) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Told(caught.value)


async def test_everybody_reads_the_catalogue(stub: Any) -> None:
    assert (await stub.GetProduct(pb.GetProductRequest(sku="MUG-BLUE"))).product.title == "Harbour Mug"
    batch = await stub.BatchGetProducts(pb.BatchGetProductsRequest(skus=["TEA-GREEN", "MUG-BLUE"]))
    assert [product.sku for product in batch.products] == ["TEA-GREEN", "MUG-BLUE"]


async def test_pages_follow_one_another_to_the_end(stub: Any) -> None:
    seen, token = list[str](), ""
    while True:
        request = pb.ListProductsRequest(page_size=7, query="knife", page_token=token)
        answer = await stub.ListProducts(request)
        seen += [product.sku for product in answer.products]
        token = answer.next_page_token
        if not token:
            break
    assert seen == ["KNIFE-CHEF", "KNIFE-PARING", "KNIFE-POCKET"]
    assert len((await stub.ListProducts(pb.ListProductsRequest())).products) == 20
    assert len((await stub.ListProducts(pb.ListProductsRequest(page_size=2_000_000_000))).products) == 60


async def test_an_operator_sets_a_price_once_a_request(stub: Any) -> None:
    request = new_price()
    for _ in range(2):
        answer = await stub.UpdatePrice(request, metadata=OLGA)
        assert answer.product.price == EUR_13


async def test_nobody_else_sets_a_price(stub: Any) -> None:
    told = await refused(stub.UpdatePrice(new_price(), metadata=ADA))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OPERATOR_REQUIRED")
    told = await refused(stub.UpdatePrice(new_price()))
    assert (told.code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


async def test_an_unknown_product_is_named(stub: Any) -> None:
    for call in (
        stub.GetProduct(pb.GetProductRequest(sku="NO-SUCH")),
        stub.UpdatePrice(new_price("NO-SUCH"), metadata=OLGA),
    ):
        told = await refused(call)
        assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")
        assert (told.domain, told.metadata) == ("products.ordermesh", {"sku": "NO-SUCH"})


async def test_a_hundred_unknown_products_are_all_named(stub: Any) -> None:
    skus = [f"NO-{number:037}" for number in range(100)]
    told = await refused(stub.BatchGetProducts(pb.BatchGetProductsRequest(skus=skus)))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")
    assert told.metadata["sku"].split(",") == skus


async def test_another_currency_is_refused(stub: Any) -> None:
    told = await refused(
        stub.UpdatePrice(new_price(price=Money(currency_code="USD", units=1)), metadata=OLGA)
    )
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MONEY_INVALID")


@pytest.mark.parametrize(
    ("method", "request_", "reason", "fields"),
    [
        ("GetProduct", pb.GetProductRequest(), "VALIDATION_FAILED", ["sku"]),
        ("GetProduct", pb.GetProductRequest(sku="mug"), "VALIDATION_FAILED", ["sku"]),
        ("BatchGetProducts", pb.BatchGetProductsRequest(), "VALIDATION_FAILED", ["skus"]),
        ("BatchGetProducts", pb.BatchGetProductsRequest(skus=["A1", "x"]), "VALIDATION_FAILED", ["skus[1]"]),
        ("BatchGetProducts", pb.BatchGetProductsRequest(skus=["A1", "A1"]), "VALIDATION_FAILED", ["skus"]),
        ("ListProducts", pb.ListProductsRequest(page_size=-1), "VALIDATION_FAILED", ["page_size"]),
        ("ListProducts", pb.ListProductsRequest(page_token="x"), "PAGE_TOKEN_INVALID", ["page_token"]),
        ("ListProducts", pb.ListProductsRequest(query="a\0b"), "VALIDATION_FAILED", ["query"]),
        ("UpdatePrice", pb.UpdatePriceRequest(sku="A1", price=EUR_13), "REQUEST_ID_REQUIRED", ["request_id"]),
        ("UpdatePrice", new_price(price=Money(currency_code="EUR")), "MONEY_INVALID", ["price"]),
        (
            "UpdatePrice",
            pb.UpdatePriceRequest(request_id="1", sku="?"),
            "VALIDATION_FAILED",
            ["request_id", "sku", "price"],
        ),
    ],
)
async def test_bad_input_is_refused_with_every_field_named(
    stub: Any, method: str, request_: Any, reason: str, fields: list[str]
) -> None:
    told = await refused(getattr(stub, method)(request_, metadata=OLGA))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert told.fields == fields


async def test_a_hundred_bad_fields_still_fit_into_an_answer(stub: Any) -> None:
    request = pb.BatchGetProductsRequest(skus=[f"bad sku {number}" for number in range(100)])
    told = await refused(stub.BatchGetProducts(request))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")
    assert told.fields[:2] == ["skus[0]", "skus[1]"]


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (b"\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE"),
        (b"\x0a\x02\xc3\x28", grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE"),
        (b"\0" * 70_000, grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"),
    ],
)
async def test_bytes_that_are_no_message_are_refused_without_a_word_of_ours(
    channel: grpc.aio.Channel, body: bytes, code: grpc.StatusCode, reason: str
) -> None:
    call: Any = channel.unary_unary("/ordermesh.products.v1.ProductsService/GetProduct")
    told = await refused(call(body))
    assert (told.code, told.reason) == (code, reason)
    assert "Error" not in told.message


async def test_a_bug_is_told_without_its_text(stub: Any, url: str) -> None:
    await execute(url, "alter table products rename to hidden")
    told = await refused(stub.GetProduct(pb.GetProductRequest(sku="MUG-BLUE")))
    assert (told.code, told.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert told.message == "internal error; the log has it under the trace id"
