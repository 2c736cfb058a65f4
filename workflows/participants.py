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
from ordermesh.orders.v1.orders_saga_service_pb2 import GetPaymentTokenRequest, GetPaymentTokenResponse
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


async def carry_out(
    step: SagaStepInput, name: str, peer: Peer, method: Any, request: Any, ends: Container[str] = ANY
) -> Any:
    """Do the step of this name once for its order: the request gets its key. Raises as `ask`.

    At the crash point it has had its effect, which Temporal does not know yet: whoever goes on repeats it.
    """
    request.request_id = str(step_key(UUID(step.order.order_id), name))
    request.order_id = step.order.order_id
    answer: Any = await ask(peer, method, request, step.order, ends)
    kit.crashpoint(f"workflows.after_{name.replace('-', '_')}")
    return answer


async def payment_token(orders_peer: Peer, method: Any, order: OrderSaga) -> str:
    """The customer's means of payment, fetched for the call that needs it: it stands in no history."""
    request = GetPaymentTokenRequest(order_id=order.order_id)
    answer: GetPaymentTokenResponse = await ask(orders_peer, method, request, order)
    return answer.payment_token


def not_yet(what: str, state: str) -> ApplicationError:
    """The participant has promised, and is to be asked again."""
    return _failure(what, state)


def said(states: Any, state: int) -> SagaStepOutput:
    """What a participant says of its own part: the state's name, without the prefix of its enum."""
    prefix = states.Name(0).removesuffix("UNSPECIFIED")
    return SagaStepOutput(state=states.Name(state).removeprefix(prefix))


def _failure(message: str, kind: str, *, ends_tries: bool = False) -> ApplicationError:
    """Benign: the SDK would log each with a stack trace, and none of them is a fault of the worker."""
    benign = ApplicationErrorCategory.BENIGN
    return ApplicationError(message, type=kind, non_retryable=ends_tries, category=benign)
