"""Instances come by connecting and leave by saying so; a lost stream takes nobody away."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mesh.registry import GONE_AFTER, Instance, Registered, Registry

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LONG_AFTER = NOON + GONE_AFTER + timedelta(seconds=1)
ONE = Instance("orders-1", "orders", "127.0.0.1:1")
TWO = Instance("orders-2", "orders", "127.0.0.1:2", "v2")
OTHER = Instance("payments-1", "payments", "127.0.0.1:3")
ALL = Registered({}).arrived(ONE).arrived(TWO).arrived(OTHER)


def ids(registered: Registered, workload: str = "orders") -> list[str]:
    return [instance.node_id for instance in registered.of(workload)]


def test_an_instance_is_known_from_its_arrival_to_its_leave() -> None:
    assert ids(ALL) == ["orders-1", "orders-2"]
    assert ids(ALL.left("orders-1")) == ["orders-2"]
    assert ALL.left("nobody") == ALL


def test_a_lost_stream_takes_nobody_away_and_a_return_is_as_if_nothing_had_been() -> None:
    lost = ALL.lost("orders-1", NOON)
    assert ids(lost) == ["orders-1", "orders-2"]
    assert lost.lost("orders-1", LONG_AFTER).of("orders")[0].away_since == NOON
    assert lost.arrived(ONE) == ALL


def test_who_was_gone_for_long_is_taken_out_unless_it_is_the_last_one() -> None:
    lost = ALL.lost("orders-1", NOON).lost("payments-1", NOON)
    assert lost.swept(NOON + GONE_AFTER) == lost
    swept = lost.swept(LONG_AFTER)
    assert (ids(swept), ids(swept, "payments")) == (["orders-2"], ["payments-1"])
    both = ALL.lost("orders-1", NOON).lost("orders-2", NOON).swept(LONG_AFTER)
    assert len(both.of("orders")) == 1


def test_one_that_drains_stays_known_until_it_has_left() -> None:
    draining = ALL.drains("orders-1", LONG_AFTER)
    assert [one.draining for one in draining.of("orders")] == [True, False]
    assert ALL.drains("nobody", LONG_AFTER) == ALL


def test_one_that_drains_and_comes_back_still_drains_until_it_is_readmitted() -> None:
    back = ALL.drains("orders-1", LONG_AFTER).lost("orders-1", NOON).arrived(ONE)
    assert [one.draining for one in back.of("orders")] == [True, False]
    assert back.readmitted("orders-1") == ALL


def test_one_that_nobody_readmits_takes_calls_again_when_its_time_is_over() -> None:
    draining = ALL.drains("orders-1", LONG_AFTER)
    assert draining.swept(LONG_AFTER - timedelta(seconds=1)) == draining
    assert draining.swept(LONG_AFTER) == ALL


def test_an_instance_that_nobody_calls_has_no_endpoint_and_may_be_the_last_to_go() -> None:
    worker = Registered({}).arrived(Instance("worker-1", "worker", ""))
    assert worker.of("worker") == ()
    assert worker.lost("worker-1", NOON).swept(LONG_AFTER) == Registered({})


def test_after_an_absence_of_the_control_plane_everybody_has_a_minute_to_return() -> None:
    before = ALL.lost("orders-1", NOON - GONE_AFTER)
    back = before.all_away(NOON)
    assert back.swept(NOON + GONE_AFTER) == back
    assert ids(back.arrived(TWO).swept(LONG_AFTER)) == ["orders-2"]


@given(
    st.lists(st.tuples(st.sampled_from(["arrive", "lose", "drain", "sweep"]), st.sampled_from([ONE, TWO])))
)
def test_without_a_leave_a_workload_never_loses_its_last_instance(steps: list[tuple[str, Instance]]) -> None:
    registered, now = Registered({}).arrived(ONE), NOON
    for step, instance in steps:
        now += timedelta(minutes=1)
        match step:
            case "arrive":
                registered = registered.arrived(instance)
            case "lose":
                registered = registered.lost(instance.node_id, now)
            case "drain":
                registered = registered.drains(instance.node_id, now)
            case _:
                registered = registered.swept(now)
        assert registered.of("orders")


def test_a_control_plane_that_comes_back_knows_all_of_them(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "registry.json"
    registry = Registry(path, lambda: told.append("changed"))
    registry.becomes(ALL.lost("orders-2", NOON).drains("orders-1", LONG_AFTER))
    registry.becomes(registry.now)
    assert told == ["changed"]
    assert Registry(path, lambda: None).now == ALL.lost("orders-2", NOON).drains("orders-1", LONG_AFTER)
    assert [file.name for file in tmp_path.iterdir()] == ["registry.json"]
