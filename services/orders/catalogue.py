"""Prices, from the products service."""

from collections.abc import Mapping

from kit.channels import Peer
from kit.money import to_minor
from ordermesh.products.v1 import products_service_pb2, products_service_pb2_grpc
from services.orders.domain import Product


class ProductsCatalogue:
    """Asks the products service for all products of an order at once."""

    def __init__(self, products: Peer) -> None:
        self._products = products
        self._stub = products_service_pb2_grpc.ProductsServiceStub(products.channel)

    async def products(self, skus: list[str]) -> Mapping[str, Product]:
        """All of these products. Raises Refused (PRODUCT_NOT_FOUND) or Unanswered."""
        request = products_service_pb2.BatchGetProductsRequest(skus=skus)
        answer = await self._products.call(self._stub.BatchGetProducts, request)
        return {
            found.sku: Product(found.sku, found.title, to_minor(found.price), found.price.currency_code)
            for found in answer.products
        }
