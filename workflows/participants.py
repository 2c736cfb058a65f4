"""Calls to the participants from activities: the trace, a deadline, and a refusal that ends the tries."""

from collections.abc import Container
from typing import Any
from uuid import UUID

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

import kit
from kit import call, telemetry
from kit.channels import A, Peer, Q, Refused, Unanswered
from kit.ids import step_key
from kit.logs import log
from ordermesh.orders.v1 import orders_pb2
from ordermesh.payments.v1 import payments_pb2
from ordermesh.sagas.v1.workflows_pb2 import OrderSaga, SagaStepInput, SagaStepOutput
from workflows.steps import CALL_SECONDS

CANCELLED = "PAYMENT_CANCELLED"
TOO_LATE = "ORDER_NOT_CANCELLABLE"
"""The payment's answer to a cancel that comes after the charge."""


class _Any:
    """Every reason: a step that can be refused."""

    def __contains__(self, reason: object) -> bool:
        return True


ANY: Container[str] = _Any()
NONE: Container[str] = ()


async def ask(peer: Peer, method: Any, request: Q, order: OrderSaga, ends: Container[str] = ANY) -> A:
    """Call once. Raises ApplicationError with the participant's reason as its type: not to be repeated if the
    reason is one that `ends` the tries, to be repeated if it is none or if nothing was decided.
    """
    telemetry.accept({"traceparent": order.traceparent})
    call.set_deadline(CALL_SECONDS)
    try:
        answer: A = await peer.call(method, request)
    except Refused as error:
        reason = (
            error.details.get("cancel_reason", error.reason) if error.reason == CANCELLED else error.reason
        )
        raise _failure(str(error), reason, ends_tries=error.reason in ends) from None
    except Unanswered as error:
        cause = str(error.details["cause"])
        log().warning("step_waits", order_id=order.order_id, dependency=peer.name, cause=cause)
        raise _failure(str(error), cause) from None
    return answer


def not_yet(what: str, state: str) -> ApplicationError:
    """The participant has promised, and is to be asked again."""
    return _failure(what, state)


def _failure(said: str, kind: str, *, ends_tries: bool = False) -> ApplicationError:
    """Benign: the SDK would log each with a stack trace, and none of them is a fault of the worker."""
    benign = ApplicationErrorCategory.BENIGN
    return ApplicationError(said, type=kind, non_retryable=ends_tries, category=benign)


def key(step: SagaStepInput, name: str) -> str:
    """The key of one step of this order's saga."""
    return str(step_key(UUID(step.order.order_id), name))


def done(name: str) -> None:
    """A step has had its effect, which Temporal does not know yet; a worker that dies here repeats it."""
    kit.crashpoint(f"workflows.after_{name.replace('-', '_')}")


def payment_state(payment: payments_pb2.Payment) -> SagaStepOutput:
    """What a payment says of itself."""
    name = payments_pb2.PaymentState.Name(payment.state)
    return SagaStepOutput(state=name.removeprefix("PAYMENT_STATE_"))


def order_state(order: orders_pb2.Order) -> SagaStepOutput:
    """What an order says of itself."""
    return SagaStepOutput(state=orders_pb2.OrderState.Name(order.state).removeprefix("ORDER_STATE_"))
