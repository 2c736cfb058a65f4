"""Changes: what was asked for, or a refusal as an answer; repeated as often as one likes."""

from __future__ import annotations

import uuid

import pytest

from bff.web.tests.client import Json, Web
from bff.web.tests.shop import ADA, BOB, PASSWORD
from kit.channels import Unanswered
from kit.errors import Problem, Violation
from kit.testing.logs import as_a_service_logs

PLACE = """
mutation($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    __typename
    ... on OrderPlaced { order { id state payment { state } } }
    ... on Refusal { reason message }
    ... on PaymentDeclined { orderId declineCode }
    ... on OutOfStock { skus }
    ... on ProductsUnknown { skus }
    ... on InvalidInput { fields { field message } }
  }
}
"""
CANCEL = """
mutation($input: CancelOrderInput!) {
  cancelOrder(input: $input) {
    __typename
    ... on CancelAccepted { order { state reason } }
    ... on OrderNotCancellable { reason state }
  }
}
"""
SIGN_UP = """
mutation($input: SignUpInput!) {
  signUp(input: $input) {
    __typename
    ... on SignedUp { user { id username } }
    ... on UsernameTaken { reason username }
    ... on InvalidInput { reason fields { field } }
  }
}
"""
SIGN_IN = """
mutation($input: SignInInput!) {
  signIn(input: $input) { __typename ... on SignedIn { token expireTime } ... on Refusal { reason } }
}
"""


def order_of(*skus: str, card: str = "approved", request_id: str = "") -> Json:
    lines = [{"sku": sku, "quantity": 1} for sku in skus]
    return {
        "input": {"requestId": request_id or str(uuid.uuid4()), "lines": lines, "paymentToken": f"tok_{card}"}
    }


async def test_an_order_is_placed_once_however_often_it_is_asked_for(ada: Web) -> None:
    asked = order_of("MUG-BLUE")
    answers = [(await ada.ask(PLACE, asked)).data["placeOrder"] for _ in range(3)]
    assert answers[0]["__typename"] == "OrderPlaced"
    assert answers[0]["order"]["payment"] == {"state": "CHARGED"}
    assert answers == [answers[0]] * 3
    assert len(ada.shop.orders) == 1


async def test_a_declined_card_is_an_answer_with_the_order_that_was_cancelled(ada: Web) -> None:
    found = (await ada.ask(PLACE, order_of("MUG-BLUE", card="declined"))).data["placeOrder"]
    (order_id,) = ada.shop.orders
    assert (found["__typename"], found["reason"]) == ("PaymentDeclined", "PAYMENT_DECLINED")
    assert (found["orderId"], found["declineCode"]) == (order_id, "DO_NOT_HONOR")


REFUSALS: list[tuple[Problem, Json]] = [
    (
        Problem("refused", "OUT_OF_STOCK", "none left", {"order_id": str(ADA), "skus": "MUG-BLUE,TEA-GREEN"}),
        {"__typename": "OutOfStock", "reason": "OUT_OF_STOCK", "skus": ["MUG-BLUE", "TEA-GREEN"]},
    ),
    (
        Problem("refused", "RESERVATION_EXPIRED", "cancelled", {"order_id": str(ADA)}),
        {"__typename": "OrderRefused", "reason": "RESERVATION_EXPIRED"},
    ),
    (
        Problem("missing", "PRODUCT_NOT_FOUND", "there is none", {"sku": "NONE"}),
        {"__typename": "ProductsUnknown", "reason": "PRODUCT_NOT_FOUND", "skus": ["NONE"]},
    ),
    (
        Problem("invalid", "DUPLICATE_SKU", "twice", violations=[Violation("lines", "name each sku once")]),
        {
            "__typename": "InvalidInput",
            "reason": "DUPLICATE_SKU",
            "fields": [{"field": "lines", "message": "name each sku once"}],
        },
    ),
    (
        Problem("invalid", "REQUEST_ID_MISMATCH", "used with another content"),
        {"__typename": "InvalidInput", "reason": "REQUEST_ID_MISMATCH", "fields": []},
    ),
]


@pytest.mark.parametrize(("refusal", "expected"), REFUSALS, ids=[one[0].reason for one in REFUSALS])
async def test_a_refusal_is_an_answer_and_no_error(ada: Web, refusal: Problem, expected: Json) -> None:
    ada.shop.broken["PlaceOrder"] = refusal
    found = (await ada.ask(PLACE, order_of("MUG-BLUE"))).data["placeOrder"]
    assert found == {"message": str(refusal), **expected}


async def test_what_decides_nothing_is_an_error_that_says_to_try_again(ada: Web) -> None:
    ada.shop.broken["PlaceOrder"] = Unanswered("payments", "UNREACHABLE", sent=False)
    answer = await ada.ask(PLACE, order_of("MUG-BLUE"))
    assert (answer.codes, answer.body["data"]) == (["UPSTREAM_UNAVAILABLE"], {"placeOrder": None})
    assert answer.body["errors"][0]["extensions"]["retryable"]


async def test_who_is_not_signed_in_places_nothing(ada: Web) -> None:
    answer = await ada.ask(PLACE, order_of("MUG-BLUE"), user=None)
    assert (answer.codes, ada.shop.orders) == (["UNAUTHENTICATED"], {})


async def test_an_order_is_cancelled_until_it_is_paid(ada: Web) -> None:
    paid, open_ = ada.shop.ordered(ADA, ["MUG-BLUE"]), ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)

    async def cancel(order_id: str) -> Json:
        asked = {"input": {"requestId": str(uuid.uuid4()), "orderId": order_id}}
        found: Json = (await ada.ask(CANCEL, asked)).data["cancelOrder"]
        return found

    assert await cancel(open_) == {
        "__typename": "CancelAccepted",
        "order": {"state": "CANCELLED", "reason": "CANCELLED_BY_CUSTOMER"},
    }
    assert await cancel(paid) == {
        "__typename": "OrderNotCancellable",
        "reason": "ORDER_NOT_CANCELLABLE",
        "state": "CONFIRMED",
    }


async def test_nobody_cancels_another_s_order(ada: Web) -> None:
    foreign = ada.shop.ordered(BOB, ["MUG-BLUE"], paid=False)
    asked = {"input": {"requestId": str(uuid.uuid4()), "orderId": foreign}}
    answer = await ada.ask(CANCEL, asked)
    assert (answer.codes, answer.body["data"]) == (["FORBIDDEN"], {"cancelOrder": None})
    assert ada.shop.orders[foreign].version == 1


async def test_a_new_customer_signs_up_and_in(ada: Web) -> None:
    account = {"username": "grace", "email": "g@example.com", "displayName": "Grace", "password": PASSWORD}
    asked = {"input": account | {"requestId": str(uuid.uuid4())}}
    made = (await ada.ask(SIGN_UP, asked, user=None)).data["signUp"]
    assert (made["__typename"], made["user"]["username"]) == ("SignedUp", "grace")
    again = (await ada.ask(SIGN_UP, asked, user=None)).data["signUp"]
    assert again == {"__typename": "UsernameTaken", "reason": "USERNAME_TAKEN", "username": "grace"}
    known = {"input": {"username": "grace", "password": PASSWORD}}
    token = (await ada.ask(SIGN_IN, known, user=None)).data["signIn"]["token"]
    answer = await ada.http.post(
        "/web/graphql", json={"query": "{ me { id } }"}, headers={"authorization": f"Bearer {token}"}
    )
    assert answer.json() == {"data": {"me": {"id": made["user"]["id"]}}}


async def test_a_wrong_password_is_an_answer_and_does_not_say_what_was_wrong(ada: Web) -> None:
    for username in ("ada", "nobody"):
        asked = {"input": {"username": username, "password": "wrong"}}
        found = (await ada.ask(SIGN_IN, asked, user=None)).data["signIn"]
        assert found == {"__typename": "CredentialsInvalid", "reason": "CREDENTIALS_INVALID"}


async def test_a_password_is_in_no_log_whatever_goes_wrong(
    ada: Web, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    secret = "a secret of somebody"
    literal = f'mutation {{ signIn(input: {{username: "ada", password: "{secret}"}}) {{ __typename }} }}'
    known = {"input": {"username": "ada", "password": secret}}
    with as_a_service_logs("bff-web"):
        for broken in (RuntimeError("a bug"), Unanswered("users", "UNREACHABLE", sent=False)):
            ada.shop.broken["SignIn"] = broken
            for query, variables in ((literal, None), (SIGN_IN, known)):
                assert (await ada.ask(query, variables, user=None)).codes == ["UPSTREAM_UNAVAILABLE"]
    logged = "".join(capfd.readouterr()) + caplog.text
    assert "request_unavailable" in logged
    assert secret not in logged
