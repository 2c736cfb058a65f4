"""One valid request of every kind, for tests that break one thing in it."""

from __future__ import annotations

from google.protobuf.message import Message
from google.type.money_pb2 import Money

from ordermesh.analytics.v1 import analytics_service_pb2
from ordermesh.events.v1 import events_service_pb2
from ordermesh.inventory.v1 import inventory_pb2, inventory_service_pb2
from ordermesh.notifications.v1 import notifications_service_pb2, webhooks_service_pb2
from ordermesh.orders.v1 import orders_saga_service_pb2, orders_service_pb2
from ordermesh.overview.v1 import overview_service_pb2
from ordermesh.payments.v1 import payments_service_pb2
from ordermesh.processor.v1 import processor_service_pb2
from ordermesh.products.v1 import products_service_pb2
from ordermesh.shipping.v1 import shipping_pb2, shipping_service_pb2
from ordermesh.users.v1 import users_service_pb2

ID = "6f8f57d0-5d1c-4e0b-9d57-0c3f2b8b1a11"
OTHER_ID = "b5f6a0b2-3f57-4d1c-8a4e-7a4f2f9d6c22"
PRICE = Money(currency_code="EUR", units=12, nanos=500_000_000)
SKU = "MUG-BLUE"

_REQUESTS: list[Message] = [
    analytics_service_pb2.ListSalesRequest(sku=SKU, page_size=1),
    analytics_service_pb2.GetTotalsRequest(),
    events_service_pb2.GetEventFlowRequest(),
    events_service_pb2.ListDeadLettersRequest(page_size=1),
    events_service_pb2.RedriveDeadLettersRequest(request_id=ID, dead_letter_id=OTHER_ID),
    events_service_pb2.DropDeadLetterRequest(request_id=ID, dead_letter_id=OTHER_ID),
    inventory_service_pb2.ReserveStockRequest(
        request_id=ID, order_id=OTHER_ID, lines=[inventory_pb2.StockLine(sku=SKU, quantity=1)]
    ),
    inventory_service_pb2.ReleaseStockRequest(request_id=ID, order_id=OTHER_ID),
    inventory_service_pb2.CommitStockRequest(request_id=ID, order_id=OTHER_ID),
    inventory_service_pb2.GetStockRequest(sku=SKU),
    inventory_service_pb2.RestockRequest(request_id=ID, sku=SKU, quantity=1),
    notifications_service_pb2.SendConfirmationRequest(
        request_id=ID, order_id=OTHER_ID, customer_id=OTHER_ID, total=PRICE
    ),
    notifications_service_pb2.ListNotificationsRequest(order_id=ID, page_size=1),
    webhooks_service_pb2.CreateWebhookEndpointRequest(
        request_id=ID, url="https://webhooks.example.com/", event_types=["order.confirmed"]
    ),
    webhooks_service_pb2.GetWebhookEndpointRequest(endpoint_id=ID),
    webhooks_service_pb2.ListWebhookEndpointsRequest(page_size=1),
    webhooks_service_pb2.DeleteWebhookEndpointRequest(request_id=ID, endpoint_id=OTHER_ID),
    webhooks_service_pb2.VerifyWebhookEndpointRequest(request_id=ID, endpoint_id=OTHER_ID),
    webhooks_service_pb2.RotateWebhookSecretRequest(request_id=ID, endpoint_id=OTHER_ID),
    webhooks_service_pb2.ListWebhookDeliveriesRequest(endpoint_id=ID, page_size=1),
    webhooks_service_pb2.RedeliverWebhookRequest(request_id=ID, endpoint_id=OTHER_ID, delivery_id=OTHER_ID),
    orders_service_pb2.PlaceOrderRequest(
        request_id=ID,
        lines=[orders_service_pb2.PlaceOrderLine(sku=SKU, quantity=1)],
        payment_token="tok_approved",
    ),
    orders_service_pb2.GetOrderRequest(order_id=ID),
    orders_service_pb2.ListOrdersRequest(page_size=1),
    orders_service_pb2.CancelOrderRequest(request_id=ID, order_id=OTHER_ID),
    orders_service_pb2.WatchOrderRequest(order_id=ID),
    orders_service_pb2.BatchGetHistoriesRequest(order_ids=[ID]),
    orders_service_pb2.ApproveOrderRequest(request_id=ID, order_id=OTHER_ID),
    orders_service_pb2.RejectOrderRequest(request_id=ID, order_id=OTHER_ID),
    orders_saga_service_pb2.GetPaymentTokenRequest(order_id=ID),
    orders_saga_service_pb2.ConfirmOrderRequest(request_id=ID, order_id=OTHER_ID),
    orders_saga_service_pb2.CloseOrderRequest(request_id=ID, order_id=OTHER_ID, reason="OUT_OF_STOCK"),
    orders_saga_service_pb2.AwaitApprovalRequest(request_id=ID, order_id=OTHER_ID),
    orders_saga_service_pb2.ResumeOrderRequest(request_id=ID, order_id=OTHER_ID),
    orders_saga_service_pb2.ShipOrderRequest(request_id=ID, order_id=OTHER_ID),
    orders_saga_service_pb2.DeliverOrderRequest(request_id=ID, order_id=OTHER_ID),
    overview_service_pb2.GetOrderOverviewRequest(order_id=ID),
    payments_service_pb2.ProcessPaymentRequest(
        request_id=ID, order_id=OTHER_ID, customer_id=OTHER_ID, amount=PRICE, payment_token="tok_approved"
    ),
    payments_service_pb2.AuthorizePaymentRequest(
        request_id=ID, order_id=OTHER_ID, customer_id=OTHER_ID, amount=PRICE, payment_token="tok_approved"
    ),
    payments_service_pb2.CapturePaymentRequest(request_id=ID, order_id=OTHER_ID),
    payments_service_pb2.CancelPaymentRequest(request_id=ID, order_id=OTHER_ID, reason="TIMED_OUT"),
    payments_service_pb2.GetPaymentRequest(order_id=ID),
    payments_service_pb2.BatchGetPaymentsRequest(order_ids=[ID]),
    processor_service_pb2.CreateChargeRequest(key="key", amount=PRICE, payment_token="tok_approved"),
    processor_service_pb2.CreateAuthorizationRequest(key="key", amount=PRICE, payment_token="tok_approved"),
    processor_service_pb2.CaptureAuthorizationRequest(key="key"),
    processor_service_pb2.VoidChargeRequest(key="key"),
    processor_service_pb2.RefundChargeRequest(key="key"),
    processor_service_pb2.GetChargeRequest(key="key"),
    products_service_pb2.GetProductRequest(sku=SKU),
    products_service_pb2.BatchGetProductsRequest(skus=[SKU]),
    products_service_pb2.ListProductsRequest(page_size=1),
    products_service_pb2.UpdatePriceRequest(request_id=ID, sku=SKU, price=PRICE),
    shipping_service_pb2.BookShipmentRequest(
        request_id=ID,
        order_id=OTHER_ID,
        customer_id=OTHER_ID,
        lines=[shipping_pb2.ShipmentLine(sku=SKU, quantity=1)],
    ),
    shipping_service_pb2.DispatchShipmentRequest(request_id=ID, order_id=OTHER_ID),
    shipping_service_pb2.CancelShipmentRequest(request_id=ID, order_id=OTHER_ID, reason="TIMED_OUT"),
    shipping_service_pb2.GetShipmentRequest(order_id=ID),
    shipping_service_pb2.BatchGetShipmentsRequest(order_ids=[ID]),
    users_service_pb2.CreateUserRequest(
        request_id=ID,
        username="example",
        email="example@example.com",
        display_name="An Example",
        password="a-password-of-a-test",
    ),
    users_service_pb2.SignInRequest(username="example", password="a-password-of-a-test"),
    users_service_pb2.CreateClientRequest(
        request_id=ID, user_id=OTHER_ID, name="An Example", scopes=["orders:read"]
    ),
    users_service_pb2.IssueClientTokenRequest(client_id=ID, secret="a-secret-of-a-test"),
    users_service_pb2.GetUserRequest(user_id=ID),
    users_service_pb2.BatchGetUsersRequest(user_ids=[ID]),
    users_service_pb2.GetPublicKeysRequest(),
    users_service_pb2.GetContactRequest(user_id=ID),
]
EXAMPLES = {request.DESCRIPTOR.full_name: request for request in _REQUESTS}


def example(kind: type[Message], **changed: object) -> Message:
    """A valid request of this kind, with some fields replaced; None takes a field away."""
    request = kind()
    request.CopyFrom(EXAMPLES[kind.DESCRIPTOR.full_name])
    for name in changed:
        request.ClearField(name)
    request.MergeFrom(kind(**{name: value for name, value in changed.items() if value is not None}))
    return request
