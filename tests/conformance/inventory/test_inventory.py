"""What every implementation of ordermesh.inventory.v1.InventoryService does."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from ops.client import Metadata
from ordermesh.inventory.v1 import inventory_pb2, inventory_service_pb2_grpc
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from tests.harness.customer import Customer
from tests.harness.refusals import read, refused

pytestmark = pytest.mark.suite

SECONDS = 10.0


class Inventory:
    """The service as another service calls it."""

    def __init__(self, channel: grpc.Channel, operator: Metadata) -> None:
        self.stub = inventory_service_pb2_grpc.InventoryServiceStub(channel)
        self.operator = operator

    def product(self, quantity: int) -> str:
        """A product of this test's own, with so many pieces."""
        sku = f"T-{uuid.uuid4().hex[:16].upper()}"
        self.restock(sku, quantity)
        return sku

    def restock(self, sku: str, quantity: int, request_id: str = "") -> inventory_pb2.Stock:
        request = pb.RestockRequest(request_id=request_id or new_id(), sku=sku, quantity=quantity)
        return self.stub.Restock(request, metadata=self.operator, timeout=SECONDS).stock

    def reserve(self, order_id: str, wanted: dict[str, int]) -> str:
        """Hold so many of each sku; the reservation's state."""
        lines = [inventory_pb2.StockLine(sku=sku, quantity=quantity) for sku, quantity in wanted.items()]
        request = pb.ReserveStockRequest(request_id=key(order_id, "reserve"), order_id=order_id, lines=lines)
        return state_of(self.stub.ReserveStock(request, timeout=SECONDS).reservation)

    def release(self, order_id: str) -> str:
        request = pb.ReleaseStockRequest(request_id=key(order_id, "release"), order_id=order_id)
        return state_of(self.stub.ReleaseStock(request, timeout=SECONDS).reservation)

    def commit(self, order_id: str) -> str:
        request = pb.CommitStockRequest(request_id=key(order_id, "commit"), order_id=order_id)
        return state_of(self.stub.CommitStock(request, timeout=SECONDS).reservation)

    def stock(self, sku: str) -> tuple[int, int, int]:
        """On hand, reserved, sold."""
        stock = self.stub.GetStock(pb.GetStockRequest(sku=sku), timeout=SECONDS).stock
        return stock.on_hand, stock.reserved, stock.sold


def state_of(reservation: inventory_pb2.Reservation) -> str:
    return inventory_pb2.ReservationState.Name(reservation.state).removeprefix("RESERVATION_STATE_")


def new_id() -> str:
    return str(uuid.uuid4())


def key(order_id: str, step: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"ordermesh:{order_id}:{step}"))


@pytest.fixture(scope="module")
def inventory(channel_to: Callable[[str], grpc.Channel], olga: Metadata) -> Inventory:
    return Inventory(channel_to("inventory"), olga)


@pytest.fixture
def order_id() -> str:
    return new_id()


def test_reserving_moves_the_pieces_from_on_hand_to_reserved(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(10)
    assert inventory.reserve(order_id, {sku: 3}) == "RESERVED"
    assert inventory.stock(sku) == (7, 3, 0)


def test_the_reservation_names_its_lines_and_when_it_is_overdue(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(10)
    line = inventory_pb2.StockLine(sku=sku, quantity=3)
    request = pb.ReserveStockRequest(request_id=new_id(), order_id=order_id, lines=[line])
    reservation = inventory.stub.ReserveStock(request, timeout=SECONDS).reservation
    assert (reservation.order_id, list(reservation.lines)) == (order_id, [line])
    assert reservation.expire_time.seconds > 0


def test_a_repeated_reserve_holds_once(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(10)
    assert [inventory.reserve(order_id, {sku: 3}) for _ in range(3)] == ["RESERVED"] * 3
    assert inventory.stock(sku) == (7, 3, 0)


def test_the_same_order_with_other_lines_is_refused(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(10)
    inventory.reserve(order_id, {sku: 3})
    said = refused(lambda: inventory.reserve(order_id, {sku: 4}))
    assert said.short == ("INVALID_ARGUMENT", "REQUEST_ID_MISMATCH")
    assert inventory.stock(sku) == (7, 3, 0)


def test_all_lines_are_held_or_none(inventory: Inventory, order_id: str) -> None:
    plenty, few = inventory.product(10), inventory.product(1)
    said = refused(lambda: inventory.reserve(order_id, {plenty: 2, few: 2}))
    assert said.short == ("FAILED_PRECONDITION", "OUT_OF_STOCK")
    assert said.metadata["skus"] == few
    assert "PreconditionFailure" in said.kinds
    assert inventory.stock(plenty) == (10, 0, 0)
    assert inventory.stock(few) == (1, 0, 0)


def test_an_unknown_product_is_out_of_stock(inventory: Inventory, order_id: str) -> None:
    said = refused(lambda: inventory.reserve(order_id, {"NO-SUCH-PRODUCT": 1}))
    assert said.short == ("FAILED_PRECONDITION", "OUT_OF_STOCK")


def test_an_order_refused_once_stays_refused(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(1)
    refused(lambda: inventory.reserve(order_id, {sku: 2}))
    inventory.restock(sku, 10)
    assert refused(lambda: inventory.reserve(order_id, {sku: 2})).reason == "OUT_OF_STOCK"
    assert inventory.stock(sku) == (11, 0, 0)


def test_releasing_gives_everything_back_once(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(10)
    inventory.reserve(order_id, {sku: 3})
    assert [inventory.release(order_id) for _ in range(2)] == ["RELEASED"] * 2
    assert inventory.stock(sku) == (10, 0, 0)


def test_a_release_that_comes_first_is_remembered(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(10)
    assert inventory.release(order_id) == "RELEASED"
    said = refused(lambda: inventory.reserve(order_id, {sku: 1}))
    assert said.short == ("FAILED_PRECONDITION", "RESERVATION_RELEASED")
    assert inventory.stock(sku) == (10, 0, 0)


def test_releasing_what_was_never_held_says_so(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(1)
    refused(lambda: inventory.reserve(order_id, {sku: 2}))
    assert inventory.release(order_id) == "FAILED"


def test_committing_sells_what_is_held_once(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(10)
    inventory.reserve(order_id, {sku: 3})
    assert [inventory.commit(order_id) for _ in range(2)] == ["COMMITTED"] * 2
    assert inventory.stock(sku) == (7, 0, 3)
    assert inventory.reserve(order_id, {sku: 3}) == "COMMITTED"


def test_sold_stock_is_not_given_back(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(10)
    inventory.reserve(order_id, {sku: 3})
    inventory.commit(order_id)
    assert refused(lambda: inventory.release(order_id)).short == ("FAILED_PRECONDITION", "STOCK_ALREADY_SOLD")
    assert inventory.stock(sku) == (7, 0, 3)


def test_released_stock_is_not_sold(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(10)
    inventory.reserve(order_id, {sku: 3})
    inventory.release(order_id)
    said = refused(lambda: inventory.commit(order_id))
    assert said.short == ("FAILED_PRECONDITION", "RESERVATION_RELEASED")
    assert inventory.stock(sku) == (10, 0, 0)


def test_stock_paid_for_before_its_lines_are_known_is_sold_when_they_are(
    inventory: Inventory, order_id: str
) -> None:
    sku = inventory.product(10)
    assert inventory.commit(order_id) == "PAID"
    assert inventory.reserve(order_id, {sku: 3}) == "COMMITTED"
    assert inventory.stock(sku) == (7, 0, 3)


def test_the_same_reserve_in_parallel_holds_once(inventory: Inventory, order_id: str) -> None:
    sku = inventory.product(10)
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda _: inventory.reserve(order_id, {sku: 3}), range(16)))
    assert set(states) == {"RESERVED"}
    assert inventory.stock(sku) == (7, 3, 0)


def test_orders_in_parallel_never_hold_more_than_there_is(inventory: Inventory) -> None:
    sku = inventory.product(5)
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda _: attempt(inventory, {sku: 1}), range(20)))
    assert won.count("RESERVED") == 5
    assert won.count("OUT_OF_STOCK") == 15
    assert inventory.stock(sku) == (0, 5, 0)


def attempt(inventory: Inventory, wanted: dict[str, int]) -> str:
    """Reserve for a new order: "RESERVED", or the reason of the refusal."""
    try:
        inventory.reserve(new_id(), wanted)
    except grpc.RpcError as error:
        return read(error).reason
    return "RESERVED"


def test_orders_of_the_same_products_in_any_order_do_not_block_each_other(inventory: Inventory) -> None:
    first, second, third = (inventory.product(1000) for _ in range(3))
    ways = [(first, second, third), (third, second, first), (second, third, first), (first, third, second)]
    wanted = [dict.fromkeys(ways[number % len(ways)], 1) for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda want: attempt(inventory, want), wanted)) == {"RESERVED"}
    assert [inventory.stock(sku) for sku in (first, second, third)] == [(940, 60, 0)] * 3


def test_a_reserve_and_its_release_in_parallel_leave_nothing_held(inventory: Inventory) -> None:
    sku = inventory.product(20)
    orders = [new_id() for _ in range(20)]

    def reserve(order_id: str) -> str:
        try:
            return inventory.reserve(order_id, {sku: 1})
        except grpc.RpcError as error:
            return read(error).reason

    with ThreadPoolExecutor(8) as pool:
        reserving = [pool.submit(reserve, order_id) for order_id in orders]
        releasing = [pool.submit(inventory.release, order_id) for order_id in orders]
    assert {future.result() for future in releasing} == {"RELEASED"}
    assert {future.result() for future in reserving} <= {"RESERVED", "RESERVATION_RELEASED"}
    assert inventory.stock(sku) == (20, 0, 0)


def test_restocking_adds_once_per_request(inventory: Inventory) -> None:
    sku, request_id = inventory.product(10), new_id()
    assert [inventory.restock(sku, 5, request_id).on_hand for _ in range(2)] == [15, 15]
    said = refused(lambda: inventory.restock(sku, 6, request_id))
    assert said.short == ("INVALID_ARGUMENT", "REQUEST_ID_MISMATCH")
    assert inventory.stock(sku) == (15, 0, 0)


def test_restocking_is_for_operators(inventory: Inventory, customer: Customer) -> None:
    request = pb.RestockRequest(request_id=new_id(), sku="MUG-BLUE", quantity=1)
    said = refused(lambda: inventory.stub.Restock(request, metadata=customer.metadata, timeout=SECONDS))
    assert said.short == ("PERMISSION_DENIED", "OPERATOR_REQUIRED")


def test_the_stock_of_an_unknown_product_is_not_found(inventory: Inventory) -> None:
    said = refused(lambda: inventory.stock("NO-SUCH-PRODUCT"))
    assert said.short == ("NOT_FOUND", "PRODUCT_NOT_FOUND")
