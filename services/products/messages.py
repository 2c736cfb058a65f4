"""Translates between the products domain and its protos, both ways."""

from uuid import UUID

from kit import money, pages
from kit.requests import request_key
from ordermesh.products.v1 import products_pb2
from ordermesh.products.v1 import products_service_pb2 as pb
from services.products import domain
from services.products.domain import Page, Price, Product
from services.products.usecases import ListProducts, UpdatePrice


def to_list_products(request: pb.ListProductsRequest) -> ListProducts:
    """The query in a request; raises PAGE_TOKEN_INVALID."""
    words = domain.words(request.query)
    cursor = pages.decode(request.page_token, _scope(words))
    return ListProducts(words, cursor[0] if cursor else "", pages.size(request.page_size))


def to_update_price(request: pb.UpdatePriceRequest, operator_id: UUID) -> UpdatePrice:
    """The command in a request."""
    price = Price(money.to_minor(request.price), request.price.currency_code)
    return UpdatePrice(request_key(operator_id, request), request.sku, price)


def from_page(page: Page, query: ListProducts) -> pb.ListProductsResponse:
    """The page on the wire, with the token of the page after it."""
    token = pages.encode([page.products[-1].sku], _scope(query.words)) if page.more else ""
    return pb.ListProductsResponse(
        products=[from_product(product) for product in page.products], next_page_token=token
    )


def from_product(product: Product) -> products_pb2.Product:
    """The product on the wire."""
    message = products_pb2.Product(
        sku=product.sku,
        title=product.title,
        description=product.description,
        category=product.category,
        price=money.from_minor(product.price.minor, product.price.currency_code),
    )
    message.update_time.FromDatetime(product.update_time)
    return message


def _scope(words: tuple[str, ...]) -> str:
    """What a page token is bound to: the same search, however it is spelt."""
    return f"ListProducts {' '.join(words)}"
