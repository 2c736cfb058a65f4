"""The comparison shows what was measured, and never leaves payments stopped."""

import pytest

from ops import compare, outage
from ops.bench import Measured
from ops.compare_counts import Counts
from ops.placing import Timed


def measured(first: float, whole: float, **cpu: float) -> Measured:
    return Measured([Timed("o", first, whole)] * 4, 1.0, cpu, [])


def test_a_column_for_each_coordination_and_the_dearest_parts_first() -> None:
    found = [
        measured(0.1, 0.1, orders=0.4),
        measured(0.02, 0.1, orders=0.2, kafka=0.1),
        measured(0.08, 0.16, orders=0.2, temporal=0.8),
    ]
    rows = compare.table(found, [Counts(6.0, 0.0), Counts(6.5, 0.0), Counts(6.0, None)])
    shown = {str(row[0]): list(row[1:]) for row in rows}
    assert shown["first answer p50 / p99"] == ["100 / 100 ms", "20 / 20 ms", "80 / 80 ms"]
    assert shown["completion   p50 / p99"][2] == "160 / 160 ms"
    assert shown["CPU per order"] == ["100.0 ms", "75.0 ms", "250.0 ms"]
    assert [row[0] for row in rows[5:8]] == ["  of it temporal", "  of it orders", "  of it kafka"]
    assert shown["events published per order"] == ["6.0", "6.5", "6.0"]
    assert shown["events of workflow history per order"] == ["none", "none", "not seen"]


class Stoppable:
    """A suite that notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def stop(self, part: str) -> None:
        self.asked.append(f"stop {part}")

    def start(self, part: str) -> None:
        self.asked.append(f"start {part}")

    def wait_ready(self, part: str, seconds: float) -> None:
        self.asked.append(f"ready {part}")


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_was_stopped_is_started_again_whatever_happens(error: type[BaseException]) -> None:
    suite = Stoppable()
    with pytest.raises(error), outage.stopped(suite, "payments"):
        raise error
    assert suite.asked == ["stop payments", "start payments", "ready payments"]
