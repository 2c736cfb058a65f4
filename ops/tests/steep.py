"""A small workflow for tests; in a file of its own, for Temporal's sandbox imports it again."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from ordermesh.orders.v1 import orders_pb2


@workflow.defn
class Steep:
    """Gives back an order, or fails with its words."""

    @workflow.run
    async def run(self, order: orders_pb2.Order, fail: bool) -> orders_pb2.Order:
        if fail:
            raise ApplicationError(f"spilt {order.reason}", type="SPILT")
        return order
