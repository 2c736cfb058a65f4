"""What one event changes, cell by cell, and that the order of different orders' events does not matter."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics import domain
from services.analytics.domain import (
    Amount,
    Counts,
    Heard,
    IllegalTransition,
    Line,
    ProductHour,
    Sale,
    State,
    Told,
    Totals,
    VersionGap,
)

ORDER = UUID("00000000-0000-4000-8000-000000000001")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
LINES = (Line("MUG-BLUE", 2, 2500), Line("TEA-GREEN", 1, 480))

CELLS = {
    (State.NONE, Told.PLACED): State.PLACED,
    (State.PLACED, Told.CANCELLATION_REQUESTED): State.PLACED,
    (State.PLACED, Told.AWAITING_APPROVAL): State.PLACED,
    (State.PLACED, Told.APPROVED): State.PLACED,
    (State.CONFIRMED, Told.SHIPPED): State.CONFIRMED,
    (State.CONFIRMED, Told.DELIVERED): State.CONFIRMED,
    (State.PLACED, Told.CONFIRMED): State.CONFIRMED,
    (State.PLACED, Told.CANCELLED): State.CANCELLED,
}
"""Everything else can never be told."""


def sale_in(state: State) -> Sale:
    known = state is not State.NONE
    return Sale(
        ORDER,
        version={State.NONE: 0, State.PLACED: 1}.get(state, 2),
        state=state,
        currency_code="EUR" if known else "",
        place_time=NOON if known else None,
        confirm_time=NOON + timedelta(seconds=2) if state is State.CONFIRMED else None,
    )


def heard_after(sale: Sale, told: Told) -> Heard:
    lines = LINES if told is Told.PLACED else ()
    return Heard(told, sale.version + 1, NOON + timedelta(seconds=5), lines, "EUR" if lines else "")


@pytest.mark.parametrize("told", Told)
@pytest.mark.parametrize("state", State)
def test_every_state_answers_everything_that_is_told(state: State, told: Told) -> None:
    sale = sale_in(state)
    if (state, told) not in CELLS:
        with pytest.raises(IllegalTransition, match=f"{state} was told {told}"):
            domain.hear(sale, heard_after(sale, told))
        return
    change = domain.hear(sale, heard_after(sale, told))
    assert change.sale.state is CELLS[state, told]
    assert change.sale.version == sale.version + 1
    assert change.lines == (LINES if told is Told.PLACED else ())


def test_a_wish_to_cancel_changes_the_version_and_nothing_else() -> None:
    sale = sale_in(State.PLACED)
    change = domain.hear(sale, heard_after(sale, Told.CANCELLATION_REQUESTED))
    assert change.sale == Sale(ORDER, 2, State.PLACED, "EUR", NOON)


def test_only_a_confirmed_order_has_a_time_of_its_confirmation() -> None:
    sale = sale_in(State.PLACED)
    confirmed = domain.hear(sale, heard_after(sale, Told.CONFIRMED)).sale
    cancelled = domain.hear(sale, heard_after(sale, Told.CANCELLED)).sale
    assert confirmed.confirm_time == NOON + timedelta(seconds=5)
    assert cancelled.confirm_time is None


def test_two_lines_of_one_product_count_as_one() -> None:
    twice = Heard(Told.PLACED, 1, NOON, (LINES[0], LINES[1], Line("MUG-BLUE", 1, 1250)), "EUR")
    assert domain.hear(Sale(ORDER), twice).lines == (Line("MUG-BLUE", 3, 3750), LINES[1])


@pytest.mark.parametrize(("version", "following"), [(0, False), (1, False), (2, False), (3, True)])
def test_a_version_that_was_heard_is_overtaken(version: int, following: bool) -> None:
    assert domain.is_next(sale_in(State.CONFIRMED), version) is following


@pytest.mark.parametrize("state", [State.NONE, State.PLACED])
def test_an_event_behind_a_gap_is_refused(state: State) -> None:
    sale = sale_in(state)
    with pytest.raises(VersionGap) as caught:
        domain.is_next(sale, sale.version + 2)
    assert (caught.value.kind, caught.value.reason) == ("refused", "VERSION_GAP")


def test_an_order_counts_in_the_hour_of_greenwich() -> None:
    in_kathmandu = datetime(2026, 11, 25, 6, 10, 30, 5, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert domain.hour_of(in_kathmandu) == datetime(2026, 11, 25, 0, tzinfo=UTC)


def product_hour(**changed: object) -> ProductHour:
    known: dict[str, object] = {
        "sku": "MUG-BLUE", "hour": NOON, "orders": 3, "confirmed": 2, "cancelled": 1, "quantity": 3,
        "revenue": (Amount(3750, "EUR"),), "waited": timedelta(seconds=3),
    }  # fmt: skip
    return ProductHour(**(known | changed))  # type: ignore[arg-type]


COUNTS = Counts(events=6, orders=3, confirmed=2, cancelled=1)


def test_totals_add_up_each_currency_by_itself() -> None:
    dollars = product_hour(sku="TEA-GREEN", revenue=(Amount(250, "EUR"), Amount(999, "USD")))
    assert domain.total(COUNTS, [product_hour(), dollars]).revenue == (
        Amount(4000, "EUR"),
        Amount(999, "USD"),
    )


def test_the_mean_time_to_confirm_is_that_of_confirmed_orders() -> None:
    assert product_hour().time_to_confirm == timedelta(seconds=1.5)
    assert product_hour(confirmed=0, waited=timedelta()).time_to_confirm is None


@pytest.mark.parametrize(
    "other",
    [
        product_hour(sku="MUG-RED"),
        product_hour(hour=NOON + timedelta(hours=1)),
        product_hour(orders=4),
        product_hour(confirmed=3),
        product_hour(cancelled=2),
        product_hour(quantity=4),
        product_hour(revenue=(Amount(3751, "EUR"),)),
        product_hour(revenue=(Amount(3750, "USD"),)),
        product_hour(waited=timedelta(seconds=3, microseconds=1)),
    ],
)
def test_whatever_differs_gives_another_digest(other: ProductHour) -> None:
    assert domain.total(COUNTS, [other]).digest != domain.total(COUNTS, [product_hour()]).digest


def test_an_event_without_a_visible_effect_gives_another_digest() -> None:
    more = Counts(events=7, orders=3, confirmed=2, cancelled=1)
    assert domain.total(more, [product_hour()]).digest != domain.total(COUNTS, [product_hour()]).digest


WAYS = (
    (Told.PLACED,),
    (Told.PLACED, Told.CONFIRMED),
    (Told.PLACED, Told.CANCELLED),
    (Told.PLACED, Told.CANCELLATION_REQUESTED, Told.CONFIRMED),
    (Told.PLACED, Told.CANCELLATION_REQUESTED, Told.CANCELLED),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[dict[UUID, list[Heard]], list[UUID], list[UUID]]:
    """Orders with their events, and two interleavings of them, each order's own events in their order."""
    skus = st.sets(st.sampled_from(["MUG-BLUE", "MUG-RED", "TEA-GREEN"]), min_size=1)
    orders: dict[UUID, list[Heard]] = {}
    for number in range(draw(st.integers(1, 6))):
        way = draw(st.sampled_from(WAYS))
        begin = NOON + timedelta(minutes=draw(st.integers(0, 120)))
        lines = tuple(Line(sku, 1 + number, 100 * (1 + number)) for sku in sorted(draw(skus)))
        orders[UUID(int=number)] = [
            Heard(told, n, begin + timedelta(seconds=n), lines if n == 1 else (), "EUR" if n == 1 else "")
            for n, told in enumerate(way, 1)
        ]
    turns = [order_id for order_id, events in orders.items() for _ in events]
    return orders, draw(st.permutations(turns)), draw(st.permutations(turns))


@given(histories())
def test_any_interleaving_of_orders_gives_the_same_digest(
    history: tuple[dict[UUID, list[Heard]], list[UUID], list[UUID]],
) -> None:
    orders, one, another = history
    totals = played(orders, one)
    assert totals == played(orders, another)
    assert totals.counts.events == len(one)


def played(orders: dict[UUID, list[Heard]], turns: Iterable[UUID]) -> Totals:
    """Hear the next event of each order whose turn it is, and add up, as the store does."""
    sales = {order_id: Sale(order_id) for order_id in orders}
    lines: list[tuple[UUID, Line]] = []
    for order_id in turns:
        heard = orders[order_id][sales[order_id].version]
        assert domain.is_next(sales[order_id], heard.version)
        change = domain.hear(sales[order_id], heard)
        sales[order_id] = change.sale
        lines += [(order_id, line) for line in change.lines]
    states = [sale.state for sale in sales.values()]
    counts = Counts(
        events=sum(sale.version for sale in sales.values()),
        orders=len(sales),
        confirmed=states.count(State.CONFIRMED),
        cancelled=states.count(State.CANCELLED),
    )
    return domain.total(counts, added_up(sales, lines))


def added_up(sales: dict[UUID, Sale], lines: Iterable[tuple[UUID, Line]]) -> list[ProductHour]:
    of: dict[tuple[str, datetime], list[tuple[Sale, Line]]] = defaultdict(list)
    for order_id, line in lines:
        sale = sales[order_id]
        assert sale.place_time is not None
        of[line.sku, domain.hour_of(sale.place_time)].append((sale, line))
    return [row(sku, hour, entries) for (sku, hour), entries in of.items()]


def row(sku: str, hour: datetime, entries: list[tuple[Sale, Line]]) -> ProductHour:
    sold = [(sale, line) for sale, line in entries if sale.state is State.CONFIRMED]
    waits = [sale.confirm_time - sale.place_time for sale, _ in sold if sale.confirm_time and sale.place_time]
    return ProductHour(
        sku=sku,
        hour=hour,
        orders=len(entries),
        confirmed=len(sold),
        cancelled=sum(sale.state is State.CANCELLED for sale, _ in entries),
        quantity=sum(line.quantity for _, line in sold),
        revenue=(Amount(sum(line.amount for _, line in sold), "EUR"),) if sold else (),
        waited=sum(waits, timedelta()),
    )
