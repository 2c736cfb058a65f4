"""What the tests of orders order."""

import uuid

from services.orders import domain
from services.orders.domain import Coordination, Line, Order

MUG = Line("MUG-BLUE", "Blue mug", 2, 1250)


def new_order(
    coordination: Coordination, customer_id: uuid.UUID | None = None, lines: tuple[Line, ...] = (MUG,)
) -> Order:
    """An order that nothing has been written of yet; somebody's, if it does not matter whose."""
    return Order(
        order_id=uuid.uuid4(),
        customer_id=customer_id or uuid.uuid4(),
        lines=lines,
        total=domain.total_of(lines),
        currency_code="EUR",
        coordination=coordination,
        coordination_reason="the caller asked for it",
    )
