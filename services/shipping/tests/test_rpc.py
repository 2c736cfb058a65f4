"""Shipping through its real server: answers, refusals with their reasons, and who may call."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import grpc
import pytest

from kit.ids import step_key
from kit.run import App
from kit.testing.postgres import scratch_url
from kit.testing.serve import Told, serving
from kit.testing.tokens import Issuer
from ordermesh.shipping.v1 import shipping_pb2, shipping_service_pb2_grpc
from ordermesh.shipping.v1 import shipping_service_pb2 as pb
from services.shipping.settings import Settings
from services.shipping.wiring import MIGRATIONS, build

pytestmark = pytest.mark.postgres
ISSUER = Issuer()
ENTRY = "x-ordermesh-entry"
ADA, BOB, OLGA = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()


@dataclass
class Depot:
    """Shipping as its callers see it."""

    app: App
    steps: Any
    tracking: Any

    async def book(self, order_id: uuid.UUID, quantity: int = 2, entry: str = "") -> Any:
        request = pb.BookShipmentRequest(
            request_id=str(step_key(order_id, "book-shipment")),
            order_id=str(order_id),
            customer_id=str(ADA),
            lines=[shipping_pb2.ShipmentLine(sku="MUG-BLUE", quantity=quantity)],
        )
        return (await self.steps.BookShipment(request, metadata=((ENTRY, entry),) if entry else ())).shipment

    async def dispatch(self, order_id: uuid.UUID) -> Any:
        key = str(step_key(order_id, "dispatch-shipment"))
        request = pb.DispatchShipmentRequest(request_id=key, order_id=str(order_id))
        return (await self.steps.DispatchShipment(request)).shipment

    async def cancel(self, order_id: uuid.UUID) -> Any:
        key = str(step_key(order_id, "cancel-shipment"))
        request = pb.CancelShipmentRequest(request_id=key, order_id=str(order_id), reason="TIMED_OUT")
        return (await self.steps.CancelShipment(request)).shipment

    async def get(self, order_id: uuid.UUID, user_id: uuid.UUID = OLGA, role: str = "operator") -> Any:
        request = pb.GetShipmentRequest(order_id=str(order_id))
        answer = await self.tracking.GetShipment(request, metadata=ISSUER.authorization(user_id, role))
        return answer.shipment

    async def batch(self, order_ids: list[uuid.UUID], user_id: uuid.UUID, role: str) -> set[str]:
        request = pb.BatchGetShipmentsRequest(order_ids=map(str, order_ids))
        answer = await self.tracking.BatchGetShipments(request, metadata=ISSUER.authorization(user_id, role))
        return {shipment.order_id for shipment in answer.shipments}


@pytest.fixture
async def depot() -> AsyncIterator[Depot]:
    async with scratch_url(MIGRATIONS) as url:
        settings = Settings(
            listen="unix:/unused",
            database_url=url,
            users_address="unix:/none",
            kafka_address="127.0.0.1:1",
            delivery_seconds=0.01,
        )
        app = replace(build(settings), tokens=ISSUER.verifier())
        async with serving("shipping", app) as channel:
            steps = shipping_service_pb2_grpc.ShippingServiceStub(channel)
            yield Depot(app, steps, shipping_service_pb2_grpc.TrackingServiceStub(channel))


async def refused(call: Any) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Told(caught.value)


async def test_a_shipment_is_followed_to_the_door(depot: Depot) -> None:
    order_id = uuid.uuid4()
    booked = await depot.book(order_id)
    assert (booked.state, booked.customer_id) == (shipping_pb2.SHIPMENT_STATE_BOOKED, str(ADA))
    assert [(line.sku, line.quantity) for line in booked.lines] == [("MUG-BLUE", 2)]
    assert not booked.HasField("deliver_time")
    dispatched = await depot.dispatch(order_id)
    assert dispatched.state == shipping_pb2.SHIPMENT_STATE_IN_TRANSIT
    assert dispatched.deliver_time.ToNanoseconds() > dispatched.dispatch_time.ToNanoseconds()
    while (shipment := await depot.get(order_id)).state == shipping_pb2.SHIPMENT_STATE_IN_TRANSIT:
        await depot.app.rounds[0].work()
    assert shipment.state == shipping_pb2.SHIPMENT_STATE_DELIVERED
    assert await depot.book(order_id) == await depot.dispatch(order_id) == shipment


async def test_every_refusal_has_its_reason(depot: Depot) -> None:
    nothing, cancelled, big, sent = (uuid.uuid4() for _ in range(4))
    assert (await depot.cancel(cancelled)).reason == "TIMED_OUT"
    too_big = await refused(depot.book(big, 501))
    assert (too_big.code, too_big.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SHIPMENT_REFUSED")
    assert too_big.metadata == {"pieces": "501", "max_pieces": "500"}
    await depot.book(sent)
    await depot.dispatch(sent)
    for late, reason in [
        (depot.dispatch(nothing), "SHIPMENT_NOT_BOOKED"),
        (depot.book(cancelled), "SHIPMENT_CANCELLED"),
        (depot.dispatch(big), "SHIPMENT_REFUSED"),
        (depot.cancel(sent), "SHIPMENT_ON_ITS_WAY"),
        (depot.book(sent, 3), "REQUEST_ID_MISMATCH"),
    ]:
        assert (await refused(late)).reason == reason


async def test_the_steps_are_not_for_callers_from_outside(depot: Depot) -> None:
    told = await refused(depot.book(uuid.uuid4(), entry="edge"))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "WORKLOAD_NOT_ALLOWED")


async def test_a_shipment_is_seen_by_its_owner_and_by_operators_only(depot: Depot) -> None:
    order_id = uuid.uuid4()
    await depot.book(order_id)
    assert (await depot.get(order_id, ADA, "customer")).order_id == str(order_id)
    foreign = await refused(depot.get(order_id, BOB, "customer"))
    unknown = await refused(depot.get(uuid.uuid4(), BOB, "customer"))
    assert foreign.reason == unknown.reason == "ACCESS_DENIED"
    assert foreign.message == unknown.message


async def test_several_shipments_are_read_at_once_and_only_ones_own(depot: Depot) -> None:
    mine, cancelled = uuid.uuid4(), uuid.uuid4()
    await depot.book(mine)
    await depot.cancel(cancelled)
    asked = [mine, cancelled, uuid.uuid4()]
    assert await depot.batch(asked, ADA, "customer") == {str(mine)}
    assert await depot.batch(asked, BOB, "customer") == set()
    assert await depot.batch(asked, OLGA, "operator") == {str(mine), str(cancelled)}
