"""The same key, client and operation: the same answer, whatever is lost on the way."""

from __future__ import annotations

import asyncio
import uuid

from bff.partner.tests.client import HOOK, ORDER, Partner, refused
from bff.partner.tests.shop import ADA, OTHER_CLIENT, token
from kit.errors import unavailable

KEY = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'


async def test_a_repeat_gets_the_same_answer_and_does_nothing(ada: Partner) -> None:
    for path, body, there in (
        ("/v1/orders", ORDER, ada.shop.orders),
        ("/v1/webhooks", HOOK, ada.shop.endpoints),
    ):
        first, second = [await ada.ask("POST", path, json=body, key=KEY) for _ in range(2)]
        assert (first.status_code, first.json()) == (second.status_code, second.json()) == (201, first.json())
        assert len(there) == 1


async def test_a_key_is_the_same_quoted_and_bare(ada: Partner) -> None:
    for key in (KEY, KEY.strip('"')):
        await ada.ask("POST", "/v1/orders", json=ORDER, key=key)
    assert len(ada.shop.orders) == 1


async def test_another_content_under_the_same_key_is_refused(ada: Partner) -> None:
    await ada.ask("POST", "/v1/orders", json=ORDER, key=KEY)
    other = ORDER | {"payment_token": "tok_declined"}
    answer = await ada.ask("POST", "/v1/orders", json=other, key=KEY)
    assert refused(answer) == (422, "IDEMPOTENCY_KEY_REUSED")
    one, another = (ada.shop.ordered(ADA, {"MUG-BLUE": 1}) for _ in range(2))
    assert (await ada.ask("POST", f"/v1/orders/{one}/cancel", key=KEY)).status_code == 200
    answer = await ada.ask("POST", f"/v1/orders/{another}/cancel", key=KEY)
    assert refused(answer) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_the_same_content_in_another_spelling_is_the_same(ada: Partner) -> None:
    texts = (
        '{"payment_token": "tok_approved", "lines": [{"sku": "MUG-BLUE", "quantity": 2}]}',
        '{"lines":[{"quantity":2,"sku":"MUG\\u002dBLUE"}],"payment_token":"tok_approved"}',
    )
    for text in texts:
        headers = {"content-type": "application/json"}
        answer = await ada.ask("POST", "/v1/orders", content=text, headers=headers, key=KEY)
        assert answer.status_code == 201
    assert len(ada.shop.orders) == 1


async def test_a_repeat_while_the_first_is_under_way_is_told_so(ada: Partner) -> None:
    ada.shop.held.clear()
    first = asyncio.create_task(ada.ask("POST", "/v1/orders", json=ORDER, key=KEY))
    await ada.shop.asked.wait()
    assert refused(await ada.ask("POST", "/v1/orders", json=ORDER, key=KEY)) == (
        409,
        "IDEMPOTENCY_KEY_IN_FLIGHT",
    )
    ada.shop.held.set()
    assert (await first).status_code == 201
    again = await ada.ask("POST", "/v1/orders", json=ORDER, key=KEY)
    assert again.json() == (await first).json()


async def test_another_client_of_the_same_account_has_keys_of_its_own(ada: Partner) -> None:
    for client in (None, token(ADA, client=OTHER_CLIENT)):
        answer = await ada.ask("POST", "/v1/orders", json=ORDER, key=KEY, who=client)
        assert answer.status_code == 201
    assert len(ada.shop.orders) == 2


async def test_after_an_outage_the_same_key_is_good(ada: Partner) -> None:
    ada.shop.broken["PlaceOrder"] = unavailable("products", "products does not answer")
    assert refused(await ada.ask("POST", "/v1/orders", json=ORDER, key=KEY)) == (
        503,
        "DEPENDENCY_UNAVAILABLE",
    )
    del ada.shop.broken["PlaceOrder"]
    assert (await ada.ask("POST", "/v1/orders", json=ORDER, key=KEY)).status_code == 201


async def test_a_key_with_a_line_of_another_is_another(ada: Partner) -> None:
    for key in ("a", "a:b", "b", str(uuid.uuid4())):
        await ada.ask("POST", "/v1/orders", json=ORDER, key=key)
    assert len(ada.shop.orders) == 4
