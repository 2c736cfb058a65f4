"""Translates between the card processor's domain and its protos, both ways."""

from kit.money import from_minor, to_minor
from ordermesh.processor.v1 import processor_pb2, processor_service_pb2
from services.payments.processor.domain import Charge, KeyInvalid
from services.payments.processor.usecases import CreateAuthorization, CreateCharge


def to_key(text: str) -> str:
    """A merchant's key; what PostgreSQL cannot keep is refused here."""
    if not text.isprintable():
        raise KeyInvalid("key: use printable characters only")
    return text


def to_create_charge(request: processor_service_pb2.CreateChargeRequest) -> CreateCharge:
    """The command in a request."""
    amount = request.amount
    return CreateCharge(to_key(request.key), to_minor(amount), amount.currency_code, request.payment_token)


def to_create_authorization(
    request: processor_service_pb2.CreateAuthorizationRequest,
) -> CreateAuthorization:
    """The command in a request."""
    amount = request.amount
    key, minor = to_key(request.key), to_minor(amount)
    return CreateAuthorization(key, minor, amount.currency_code, request.payment_token)


def from_charge(charge: Charge) -> processor_pb2.Charge:
    """The charge on the wire."""
    message = processor_pb2.Charge(
        key=charge.key,
        state=processor_pb2.ChargeState.Value(f"CHARGE_STATE_{charge.state}"),
        decline_code=charge.decline_code,
    )
    if charge.amount_minor is not None and charge.currency_code is not None:
        message.amount.CopyFrom(from_minor(charge.amount_minor, charge.currency_code))
    return message
