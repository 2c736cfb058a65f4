"""The ProductsService RPCs: message, command, use case, message."""

from typing import Any

from kit import call
from ordermesh.products.v1 import products_service_pb2 as pb
from ordermesh.products.v1 import products_service_pb2_grpc
from services.products import messages, usecases
from services.products.usecases import UnitOfWork


class ProductsServicer(products_service_pb2_grpc.ProductsServiceServicer):
    """Serves ordermesh.products.v1.ProductsService."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def GetProduct(self, request: pb.GetProductRequest, context: Any) -> pb.GetProductResponse:
        """Read one product."""
        product = await usecases.get_product(request.sku, self._uow)
        return pb.GetProductResponse(product=messages.from_product(product))

    async def BatchGetProducts(
        self, request: pb.BatchGetProductsRequest, context: Any
    ) -> pb.BatchGetProductsResponse:
        """Read products, all or none, in the order asked for."""
        products = await usecases.batch_get_products(request.skus, self._uow)
        return pb.BatchGetProductsResponse(products=[messages.from_product(product) for product in products])

    async def ListProducts(self, request: pb.ListProductsRequest, context: Any) -> pb.ListProductsResponse:
        """Read a page of the catalogue."""
        query = messages.to_list_products(request)
        page = await usecases.list_products(query, self._uow)
        return messages.from_page(page, query)

    async def UpdatePrice(self, request: pb.UpdatePriceRequest, context: Any) -> pb.UpdatePriceResponse:
        """Set the price of one product."""
        command = messages.to_update_price(request, call.caller().user_id)
        product = await usecases.update_price(command, self._uow)
        return pb.UpdatePriceResponse(product=messages.from_product(product))
