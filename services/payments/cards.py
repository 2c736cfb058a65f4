"""The card processor as the payments service sees it: the only file that knows its stub."""

from kit.channels import Peer, Refused
from kit.money import from_minor
from ordermesh.processor.v1 import processor_pb2, processor_service_pb2, processor_service_pb2_grpc
from services.payments.domain import Answer, Outcome, Payment, Terms

_TOO_LATE_TO_VOID = {"CHARGE_APPROVED": Outcome.APPROVED, "CHARGE_REFUNDED": Outcome.REFUNDED}


class CardProcessor:
    """Asks under the order's id as the key. Raises Refused or Unanswered."""

    def __init__(self, processor: Peer) -> None:
        self._processor = processor
        self._stub = processor_service_pb2_grpc.ProcessorServiceStub(processor.channel)

    async def charge(self, payment: Payment) -> Answer:
        """Charge once a key; a repeat gets the first answer."""
        terms = _terms(payment)
        request = processor_service_pb2.CreateChargeRequest(
            key=str(payment.order_id),
            amount=from_minor(terms.amount_minor, terms.currency_code),
            payment_token=terms.payment_token,
        )
        return _answer((await self._processor.call(self._stub.CreateCharge, request)).charge)

    async def authorize(self, payment: Payment) -> Answer:
        """Set money aside once a key; a repeat gets the first answer."""
        terms = _terms(payment)
        request = processor_service_pb2.CreateAuthorizationRequest(
            key=str(payment.order_id),
            amount=from_minor(terms.amount_minor, terms.currency_code),
            payment_token=terms.payment_token,
        )
        return _answer((await self._processor.call(self._stub.CreateAuthorization, request)).charge)

    async def capture(self, payment: Payment) -> Answer:
        """Move what is set aside, once; a repeat gets the first answer."""
        request = processor_service_pb2.CaptureAuthorizationRequest(key=str(payment.order_id))
        return _answer((await self._processor.call(self._stub.CaptureAuthorization, request)).charge)

    async def void(self, payment: Payment) -> Answer:
        """Kill the key, and free what is set aside; APPROVED says that it is too late for that."""
        request = processor_service_pb2.VoidChargeRequest(key=str(payment.order_id))
        try:
            return _answer((await self._processor.call(self._stub.VoidCharge, request)).charge)
        except Refused as refused:
            if refused.reason not in _TOO_LATE_TO_VOID:
                raise
            return Answer(_TOO_LATE_TO_VOID[refused.reason])

    async def refund(self, payment: Payment) -> Answer:
        """Pay back once."""
        request = processor_service_pb2.RefundChargeRequest(key=str(payment.order_id))
        return _answer((await self._processor.call(self._stub.RefundCharge, request)).charge)


def _terms(payment: Payment) -> Terms:
    assert payment.terms is not None  # noqa: S101 - an open payment has terms; the table's check says so too
    return payment.terms


def _answer(charge: processor_pb2.Charge) -> Answer:
    state = processor_pb2.ChargeState.Name(charge.state)
    return Answer(Outcome(state.removeprefix("CHARGE_STATE_")), charge.decline_code)
