"""What stands in a workflow's history, by the real converter: tolerant, and encrypted if there are keys."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from kit.payload_codec import EncryptingCodec, UnreadablePayload
from kit.payload_keys import PayloadKey, PayloadKeys
from kit.payloads import data_converter
from ordermesh.orders.v1 import orders_pb2

ONE, TWO = PayloadKey("k1", b"1" * 32), PayloadKey("k2", b"2" * 32)
OLD, BOTH, NEW = PayloadKeys((ONE,)), PayloadKeys((TWO, ONE)), PayloadKeys((TWO,))
READ_ONLY = PayloadKeys((ONE,), off=True)
ORDER = orders_pb2.Order(
    order_id="0190b5a2-7d2b-7000-8000-000000000001", coordination=orders_pb2.COORDINATION_ORCHESTRATION
)


async def plain(value: Any) -> Payload:
    (payload,) = await data_converter().encode([value])
    return payload


async def test_a_message_is_json_with_its_type() -> None:
    payload = await plain(ORDER)
    assert payload.metadata["encoding"] == b"json/protobuf"
    assert payload.metadata["messageType"] == b"ordermesh.orders.v1.Order"
    assert json.loads(payload.data)["orderId"] == ORDER.order_id


async def test_a_field_of_a_newer_deployment_breaks_no_old_worker() -> None:
    payload = await plain(ORDER)
    newer = json.loads(payload.data) | {"giftWrap": {"paper": "blue"}}
    payload.data = json.dumps(newer).encode()
    assert await data_converter().decode([payload]) == [ORDER]


async def test_a_value_of_an_enum_that_is_new_is_unspecified() -> None:
    payload = await plain(ORDER)
    payload.data = payload.data.replace(b"COORDINATION_ORCHESTRATION", b"COORDINATION_TELEPATHY")
    assert b"TELEPATHY" in payload.data
    (found,) = await data_converter().decode([payload])
    assert found.coordination == orders_pb2.COORDINATION_UNSPECIFIED


@pytest.mark.parametrize("keys", [PayloadKeys(), OLD, BOTH, READ_ONLY], ids=["none", "one", "two", "off"])
async def test_every_kind_of_value_comes_back(keys: PayloadKeys) -> None:
    converter = data_converter(keys)
    values = [None, b"\x00\xff", ORDER, "text", {"a": [1, 2.5, None]}, 7]
    assert await converter.decode(await converter.encode(values)) == values


async def test_with_keys_only_ciphertext_is_kept() -> None:
    (payload,) = await data_converter(BOTH).encode([ORDER])
    assert dict(payload.metadata) == {"encoding": b"binary/encrypted", "encryption-key-id": b"k2"}
    assert ORDER.order_id.encode() not in payload.SerializeToString()


async def test_the_same_value_is_never_encrypted_alike() -> None:
    first, second = await data_converter(OLD).encode([ORDER, ORDER])
    assert first.data != second.data


async def test_what_an_old_key_encrypted_is_read_after_a_rotation() -> None:
    kept = await data_converter(OLD).encode([ORDER])
    assert await data_converter(BOTH).decode(kept) == [ORDER]


async def test_encryption_is_switched_on_and_off_with_workflows_open() -> None:
    assert await data_converter(OLD).decode(await data_converter().encode([ORDER])) == [ORDER]
    assert await data_converter(READ_ONLY).decode(await data_converter(OLD).encode([ORDER])) == [ORDER]
    assert await data_converter(READ_ONLY).encode([ORDER]) == [await plain(ORDER)]


async def test_a_key_that_is_gone_is_named() -> None:
    kept = await data_converter(OLD).encode([ORDER])
    with pytest.raises(
        UnreadablePayload, match=r"^a payload is encrypted with the key k1; the keys here are: k2$"
    ):
        await data_converter(NEW).decode(kept)


async def test_another_key_of_the_same_id_is_named() -> None:
    kept = await data_converter(OLD).encode([ORDER])
    with pytest.raises(UnreadablePayload, match="the key k1 is damaged, or k1 was another key then"):
        await data_converter(PayloadKeys((PayloadKey("k1", b"3" * 32),))).decode(kept)


async def test_an_id_that_is_none_is_not_repeated() -> None:
    payload = Payload(metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"\xff<script>"})
    with pytest.raises(UnreadablePayload, match=r"the key \(no valid id\)") as caught:
        await EncryptingCodec(OLD).decode([payload])
    assert "script" not in str(caught.value)


@given(data=st.binary(max_size=64), place=st.integers(0, 10_000), bit=st.integers(0, 7), cut=st.booleans())
async def test_no_change_goes_unnoticed(data: bytes, place: int, bit: int, cut: bool) -> None:
    codec = EncryptingCodec(OLD)
    (payload,) = await codec.encode([Payload(metadata={"encoding": b"binary/plain"}, data=data)])
    place %= len(payload.data)
    changed = bytearray(payload.data)
    changed[place] ^= 1 << bit
    payload.data = payload.data[:place] if cut else bytes(changed)
    with pytest.raises(UnreadablePayload, match="k1"):
        await codec.decode([payload])


PAYLOADS = st.builds(
    lambda metadata, data: Payload(metadata=metadata, data=data),
    st.dictionaries(st.text(max_size=8), st.binary(max_size=16), max_size=3),
    st.binary(max_size=64),
)


@given(st.lists(PAYLOADS, max_size=3))
async def test_every_payload_comes_back_as_it_was(payloads: list[Payload]) -> None:
    codec = EncryptingCodec(BOTH)
    once = await codec.encode(payloads)
    assert await codec.decode(once) == payloads
    # one decoding undoes one encoding, also of what is encrypted already
    assert await codec.decode(await codec.encode(once)) == once


async def failure_of(error: Exception, keys: PayloadKeys) -> Failure:
    failure = Failure()
    await data_converter(keys).encode_failure(error, failure)
    return failure


async def test_the_words_of_a_failure_are_encrypted() -> None:
    try:
        raise ApplicationError("card of Ada declined", "ada@example.com", type="PAYMENT_DECLINED")
    except ApplicationError as error:
        failure = await failure_of(error, OLD)
    kept = failure.SerializeToString()
    assert b"Ada" not in kept
    assert b"ada@" not in kept
    assert failure.stack_trace == ""
    # the type is a stable reason: retries and alerts go by it
    assert failure.application_failure_info.type == "PAYMENT_DECLINED"
    found = await data_converter(BOTH).decode_failure(failure)
    assert isinstance(found, ApplicationError)
    assert (found.message, list(found.details)) == ("card of Ada declined", ["ada@example.com"])


async def test_a_failure_that_was_encrypted_is_read_when_encryption_is_off() -> None:
    failure = await failure_of(ApplicationError("declined"), OLD)
    assert str(await data_converter(READ_ONLY).decode_failure(failure)) == "declined"


async def test_a_failure_is_plain_without_keys() -> None:
    assert (await failure_of(ApplicationError("declined"), PayloadKeys())).message == "declined"
