"""What every implementation of ordermesh.notifications.v1.NotificationsService does."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import pytest
from google.type.money_pb2 import Money

from ops.client import Metadata
from ordermesh.notifications.v1 import notifications_pb2, notifications_service_pb2_grpc
from ordermesh.notifications.v1 import notifications_service_pb2 as pb
from tests.harness.breaking import wait_for
from tests.harness.customer import Customer
from tests.harness.refusals import refused

pytestmark = pytest.mark.suite

SECONDS = 10.0
SENT = notifications_pb2.NOTIFICATION_STATE_SENT
TOTAL = Money(currency_code="EUR", units=12, nanos=500_000_000)


class Notifications:
    """The service as the orders service calls it, and as customers do."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.stub = notifications_service_pb2_grpc.NotificationsServiceStub(channel)

    def send(self, order_id: str, customer_id: str, total: Money = TOTAL) -> notifications_pb2.Notification:
        request = pb.SendConfirmationRequest(
            request_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"ordermesh:{order_id}:send-confirmation")),
            order_id=order_id,
            customer_id=customer_id,
            total=total,
        )
        return self.stub.SendConfirmation(request, timeout=SECONDS).notification

    def page(
        self, caller: Metadata | None, *, order_id: str = "", size: int = 0, token: str = ""
    ) -> pb.ListNotificationsResponse:
        request = pb.ListNotificationsRequest(order_id=order_id, page_size=size, page_token=token)
        return self.stub.ListNotifications(request, metadata=caller, timeout=SECONDS)

    def of(self, caller: Metadata, order_id: str) -> list[notifications_pb2.Notification]:
        """What the caller is shown about one order."""
        return list(self.page(caller, order_id=order_id).notifications)


@pytest.fixture(scope="module")
def notifications(channel_to: Callable[[str], grpc.Channel]) -> Notifications:
    return Notifications(channel_to("notifications"))


@pytest.fixture
def order_id() -> str:
    return str(uuid.uuid4())


def test_a_confirmation_is_sent_and_listed(
    notifications: Notifications, customer: Customer, order_id: str
) -> None:
    notifications.send(order_id, customer.user_id)
    wait_for(lambda: notifications.of(customer.metadata, order_id)[0].state == SENT, "the mail to be sent")
    (listed,) = notifications.of(customer.metadata, order_id)
    assert (listed.order_id, listed.customer_id) == (order_id, customer.user_id)
    assert listed.kind == notifications_pb2.NOTIFICATION_KIND_CONFIRMATION
    assert listed.attempts >= 1
    assert listed.send_time.seconds >= listed.create_time.seconds > 0


def test_a_confirmation_asked_for_in_parallel_is_one(
    notifications: Notifications, customer: Customer, order_id: str
) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: notifications.send(order_id, customer.user_id), range(8)))
    assert len({answer.notification_id for answer in answers}) == 1
    assert len(notifications.of(customer.metadata, order_id)) == 1


def test_the_same_order_with_another_content_is_refused(
    notifications: Notifications, customer: Customer, order_id: str
) -> None:
    notifications.send(order_id, customer.user_id)
    said = refused(
        partial(notifications.send, order_id, customer.user_id, Money(currency_code="EUR", units=1))
    )
    assert said.short == ("INVALID_ARGUMENT", "REQUEST_ID_MISMATCH")


def test_customers_see_their_own_messages_and_operators_all(
    notifications: Notifications, customer: Customer, edge: grpc.Channel, olga: Metadata, order_id: str
) -> None:
    notifications.send(order_id, customer.user_id)
    assert notifications.of(Customer.new(edge).metadata, order_id) == []
    assert len(notifications.of(olga, order_id)) == 1


def test_an_unknown_and_a_foreign_order_look_the_same(
    notifications: Notifications, customer: Customer, edge: grpc.Channel, order_id: str
) -> None:
    notifications.send(order_id, customer.user_id)
    stranger = Customer.new(edge).metadata
    foreign = notifications.page(stranger, order_id=order_id)
    assert foreign == notifications.page(stranger, order_id=str(uuid.uuid4()))


def test_pages_show_every_message_once_newest_first(notifications: Notifications, customer: Customer) -> None:
    order_ids = [str(uuid.uuid4()) for _ in range(5)]
    for order_id in order_ids:
        notifications.send(order_id, customer.user_id)
    page = notifications.page(customer.metadata, size=2)
    seen = [found.order_id for found in page.notifications]
    while page.next_page_token:
        page = notifications.page(customer.metadata, size=2, token=page.next_page_token)
        seen += [found.order_id for found in page.notifications]
    assert seen == order_ids[::-1]


def test_a_page_token_of_another_caller_is_refused(
    notifications: Notifications, customer: Customer, edge: grpc.Channel
) -> None:
    for _ in range(2):
        notifications.send(str(uuid.uuid4()), customer.user_id)
    token = notifications.page(customer.metadata, size=1).next_page_token
    said = refused(lambda: notifications.page(Customer.new(edge).metadata, size=1, token=token))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", ("page_token",))


def test_a_list_wants_a_token(notifications: Notifications) -> None:
    assert refused(lambda: notifications.page(None)).short == ("UNAUTHENTICATED", "TOKEN_MISSING")


def test_a_confirmation_for_nobody_stays_pending_and_is_tried_again(
    notifications: Notifications, olga: Metadata, order_id: str
) -> None:
    answer = notifications.send(order_id, str(uuid.uuid4()))
    assert answer.state == notifications_pb2.NOTIFICATION_STATE_PENDING
    wait_for(lambda: notifications.of(olga, order_id)[0].attempts >= 2, "a second try")
    assert notifications.of(olga, order_id)[0].state == notifications_pb2.NOTIFICATION_STATE_PENDING


@pytest.mark.parametrize(
    "total", [Money(currency_code="EUR"), Money(units=1), Money(currency_code="EUR", units=-1)]
)
def test_a_total_that_is_no_money_is_refused(
    notifications: Notifications, customer: Customer, order_id: str, total: Money
) -> None:
    said = refused(lambda: notifications.send(order_id, customer.user_id, total))
    assert said.short == ("INVALID_ARGUMENT", "MONEY_INVALID")
    assert notifications.of(customer.metadata, order_id) == []
