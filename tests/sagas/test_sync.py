"""The synchronous chain: repeats, races and callers who give up, against the running suite."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from ops.client import Metadata
from ops.suite import Suite
from ordermesh.inventory.v1 import inventory_service_pb2, inventory_service_pb2_grpc
from ordermesh.orders.v1 import orders_pb2
from ordermesh.products.v1 import products_service_pb2, products_service_pb2_grpc
from tests.harness.breaking import paused, restart, stopped, wait_for, wait_until_nothing_is_open
from tests.harness.customer import Answer, Customer
from tests.harness.records import records

pytestmark = [pytest.mark.suite, pytest.mark.timeout(120)]

CONFIRMED = orders_pb2.ORDER_STATE_CONFIRMED
CANCELLED = orders_pb2.ORDER_STATE_CANCELLED


def test_the_same_request_in_parallel_is_one_order(suite: Suite, customer: Customer) -> None:
    request_id = str(uuid.uuid4())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: customer.place(request_id=request_id), range(8)))
    assert {(answer.code, answer.order_id) for answer in answers} == {("OK", answers[0].order_id)}
    assert len(customer.all_orders()) == 1
    assert wait_until_nothing_is_open(suite).violations == []


def test_a_repeated_request_repeats_the_confirmation(customer: Customer) -> None:
    request_id = str(uuid.uuid4())
    first = customer.place(request_id=request_id)
    assert customer.place(request_id=request_id).order_id == first.order_id


def test_a_repeated_request_repeats_the_refusal_with_its_order(customer: Customer) -> None:
    request_id = str(uuid.uuid4())
    first = customer.place(card="declined", request_id=request_id)
    assert (first.code, first.reason) == ("FAILED_PRECONDITION", "PAYMENT_DECLINED")
    assert customer.place(card="declined", request_id=request_id) == first


def test_a_request_id_with_another_content_is_refused(customer: Customer) -> None:
    request_id = str(uuid.uuid4())
    customer.place(request_id=request_id)
    again = customer.place(request_id=request_id, quantity=2)
    assert (again.code, again.reason) == ("INVALID_ARGUMENT", "REQUEST_ID_MISMATCH")


def test_after_unavailable_the_same_request_places_a_new_order(suite: Suite, customer: Customer) -> None:
    request_id = str(uuid.uuid4())
    with stopped(suite, "inventory"):
        first = customer.place(request_id=request_id)
        assert (first.code, first.details["dependency"]) == ("UNAVAILABLE", "inventory")
    second = customer.place(request_id=request_id)
    assert second.code == "OK"
    assert second.order_id != first.order_id
    wait_until_nothing_is_open(suite)
    assert customer.get(first.order_id).state == CANCELLED


def test_waiting_for_the_final_state_shows_a_declined_order_cancelled(customer: Customer) -> None:
    answer = customer.place(card="declined", wait=orders_pb2.WAIT_FINAL)
    assert answer.reason == "PAYMENT_DECLINED"
    order = customer.get(answer.order_id)
    assert (order.state, order.reason) == (CANCELLED, "PAYMENT_DECLINED")


def test_a_caller_who_gives_up_while_the_charge_is_under_way_is_charged_once(
    suite: Suite, customer: Customer
) -> None:
    answer = customer.place(card="slow", seconds=1)
    assert answer.code == "DEADLINE_EXCEEDED" or answer.reason == "REQUEST_IN_PROGRESS"
    assert wait_until_nothing_is_open(suite).violations == []
    (order,) = customer.all_orders()
    assert order.state == CONFIRMED


def test_a_repeat_waits_for_the_order_that_is_under_way(customer: Customer) -> None:
    request_id = str(uuid.uuid4())
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(customer.place, card="slow", request_id=request_id)
        wait_for(lambda: bool(customer.all_orders()), "the order to be begun")
        second = pool.submit(customer.place, card="slow", request_id=request_id)
    assert first.result().code == "OK"
    assert second.result().order_id == first.result().order_id


def test_a_repeat_that_cannot_wait_is_told_that_the_request_is_in_progress(customer: Customer) -> None:
    request_id = str(uuid.uuid4())
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(customer.place, card="slow", request_id=request_id)
        wait_for(lambda: bool(customer.all_orders()), "the order to be begun")
        second = customer.place(card="slow", request_id=request_id, seconds=0.8)
        assert second.reason == "REQUEST_IN_PROGRESS" or second.code == "DEADLINE_EXCEEDED"
        assert first.result().code == "OK"


def test_a_database_that_dies_while_the_charge_is_under_way_leaves_the_outcome_open(
    suite: Suite, customer: Customer
) -> None:
    request_id = str(uuid.uuid4())
    with ThreadPoolExecutor(1) as pool:
        placing = pool.submit(customer.place, card="slow", request_id=request_id, seconds=5)
        wait_for(lambda: is_being_charged(suite, customer), "the charge to be under way")
        suite.kill("postgres")
        first = placing.result()
    assert first.code == "OK" or first.reason == "REQUEST_IN_PROGRESS"
    suite.wait_ready("postgres")
    suite.wait_ready("orders")
    assert wait_until_nothing_is_open(suite).violations == []
    again = customer.place(card="slow", request_id=request_id)
    assert (again.code, again.order_id) == ("OK", first.order_id)
    assert len(customer.all_orders()) == 1


def test_a_cancel_while_the_charge_is_under_way_has_one_winner(suite: Suite, customer: Customer) -> None:
    with ThreadPoolExecutor(1) as pool:
        placing = pool.submit(customer.place, card="slow")
        wait_for(lambda: bool(customer.all_orders()), "the order to be begun")
        (order,) = customer.all_orders()
        cancelling = customer.cancel(order.order_id)
        placed = placing.result()
    found = wait_until_nothing_is_open(suite)
    assert found.violations == []
    ended = customer.get(order.order_id)
    assert (ended.state, ended.cancel_requested) in [(CONFIRMED, False), (CANCELLED, False)]
    if ended.state == CANCELLED:
        assert cancelling.code == "OK"
        assert (placed.code, placed.reason) == ("FAILED_PRECONDITION", "CANCELLED_BY_CUSTOMER")
    else:
        assert cancelling.reason == "ORDER_NOT_CANCELLABLE"
        assert placed.code == "OK"


def test_cancels_thrown_at_many_orders_leave_no_money_or_stock_astray(
    suite: Suite, customer: Customer
) -> None:
    def place_and_cancel(_: int) -> Answer:
        with ThreadPoolExecutor(1) as inner:
            request_id = str(uuid.uuid4())
            placing = inner.submit(customer.place, request_id=request_id)
            for order in customer.all_orders():
                if order.state == orders_pb2.ORDER_STATE_PENDING:
                    customer.cancel(order.order_id)
            return placing.result()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(place_and_cancel, range(24)))
    assert all(a.code == "OK" or a.reason == "CANCELLED_BY_CUSTOMER" for a in answers), answers
    assert wait_until_nothing_is_open(suite).violations == []


def test_a_confirmed_order_cannot_be_cancelled(customer: Customer) -> None:
    answer = customer.cancel(customer.place().order_id)
    assert (answer.code, answer.reason) == ("FAILED_PRECONDITION", "ORDER_NOT_CANCELLABLE")


def test_a_cancelled_order_can_be_cancelled_again(customer: Customer) -> None:
    declined = customer.place(card="declined", wait=orders_pb2.WAIT_FINAL)
    answer = customer.cancel(declined.order_id)
    assert answer.order is not None
    assert answer.order.state == CANCELLED


def test_the_history_has_no_gap_and_ends_with_the_outcome(customer: Customer) -> None:
    order_id = customer.place().order_id
    history = customer.history(order_id)
    assert [(status.version, status.state) for status in history] == [
        (1, orders_pb2.ORDER_STATE_PENDING),
        (2, CONFIRMED),
    ]
    assert [status.version for status in customer.history(order_id, after_version=1)] == [2]
    assert customer.history(order_id, after_version=2) == []


def test_a_watcher_sees_the_outcome_as_it_happens(customer: Customer) -> None:
    with ThreadPoolExecutor(1) as pool:
        placing = pool.submit(customer.place, card="slow")
        wait_for(lambda: bool(customer.all_orders()), "the order to be begun")
        (order,) = customer.all_orders()
        assert order.state == orders_pb2.ORDER_STATE_PENDING
        assert [status.version for status in customer.history(order.order_id)] == [1, 2]
        assert placing.result().code == "OK"


def test_a_placed_order_keeps_its_price(operator: grpc.Channel, olga: Metadata, customer: Customer) -> None:
    products = products_service_pb2_grpc.ProductsServiceStub(operator)
    sku = "TEA-GREEN"
    before = products.GetProduct(products_service_pb2.GetProductRequest(sku=sku), timeout=5).product.price
    order_id = customer.place(sku=sku).order_id
    raised = products_service_pb2.UpdatePriceRequest(request_id=str(uuid.uuid4()), sku=sku, price=before)
    raised.price.units += 1
    products.UpdatePrice(raised, metadata=olga, timeout=5)
    assert customer.get(order_id).lines[0].unit_price == before
    assert customer.get(order_id).total == before
    newer = customer.place(sku=sku).order
    assert newer is not None
    assert newer.total == raised.price


def test_products_down_is_unavailable_and_makes_no_order(suite: Suite, customer: Customer) -> None:
    with stopped(suite, "products"):
        answer = customer.place()
        assert (answer.code, answer.details["dependency"]) == ("UNAVAILABLE", "products")
    assert customer.all_orders() == []


def test_forty_orders_for_the_last_pieces_sell_no_piece_twice(
    suite: Suite, operator: grpc.Channel, olga: Metadata, customer: Customer
) -> None:
    stub = inventory_service_pb2_grpc.InventoryServiceStub(operator)
    get = inventory_service_pb2.GetStockRequest(sku="LAMP-RARE")
    left = stub.GetStock(get, timeout=5).stock.on_hand
    assert 0 < left < 40
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: customer.place(sku="LAMP-RARE"), range(40)))
    assert sum(answer.code == "OK" for answer in answers) == left
    assert {answer.reason for answer in answers if answer.code != "OK"} == {"OUT_OF_STOCK"}
    assert wait_until_nothing_is_open(suite).violations == []
    again = inventory_service_pb2.RestockRequest(request_id=str(uuid.uuid4()), sku="LAMP-RARE", quantity=left)
    assert stub.Restock(again, metadata=olga, timeout=5).stock.on_hand == left


def test_a_watcher_of_a_service_that_stops_is_told_to_resume(suite: Suite, customer: Customer) -> None:
    with ThreadPoolExecutor(2) as pool:
        placing = pool.submit(customer.place, card="slow")
        wait_for(lambda: bool(customer.all_orders()), "the order to be begun")
        (order,) = customer.all_orders()
        watching = pool.submit(customer.watch, order.order_id)
        wait_for(lambda: bool(customer.seen), "the watcher to see the first version")
        restart(suite, "orders")
        assert watching.result() == "DRAINING"
        placing.result()
    assert [status.version for status in customer.history(order.order_id, after_version=1)] == [2]


def test_an_orders_service_that_was_paused_does_not_disturb_what_it_finds(
    suite: Suite, customer: Customer
) -> None:
    with ThreadPoolExecutor(1) as pool:
        placing = pool.submit(customer.place, card="slow")
        wait_for(lambda: is_being_charged(suite, customer), "the charge to be under way")
        with paused(suite, "orders", seconds=4.0):  # longer than its lease
            pass
        placing.result()
    assert wait_until_nothing_is_open(suite).violations == []
    (order,) = customer.all_orders()
    assert order.state == CONFIRMED


def is_being_charged(suite: Suite, customer: Customer) -> bool:
    """Whether the charge of the customer's only order is noted; before that, a death undoes the order."""
    return any(
        records(suite, "payments", "select 1 from payments where order_id = $1", order.order_id)
        for order in customer.all_orders()
    )
