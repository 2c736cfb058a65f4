"""Changes by command: they do what they say, keep every comment, and can be undone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.methods import BY_WORKLOAD, SERVERS
from mesh.policy import AccessLogs, Injected, Telemetry
from mesh.policy_edits import (
    NewFault,
    NewRoute,
    with_access_logs,
    with_allow,
    with_attempts,
    with_fault,
    with_mirror,
    with_route,
    with_setting,
    with_split,
    with_timeout,
    with_traces,
    without_faults,
    without_mirror,
    without_routes,
    without_split,
)
from mesh.policy_nodes import PolicyError
from mesh.policy_reading import parse
from mesh.tests.texts import TEXT, changed, comments

SLOW = NewFault("payments", delay="50ms", source="orders", methods=("ProcessPayment",))
BROKEN = NewFault("payments", percentage="0.5", abort="UNAVAILABLE")


def injected(text: str, source: str, name: str) -> Injected | None:
    return parse(text).injected(source, BY_WORKLOAD["payments"][name])


def test_a_fault_is_one_line() -> None:
    after = with_fault(TEXT, SLOW)
    line = "  - {to: payments, from: orders, methods: [ProcessPayment], delay: 50ms, percentage: 100}"
    assert changed(TEXT, after) == ["- faults: []", "+ faults:", f"+ {line}"]
    assert injected(after, "orders", "ProcessPayment") == Injected(timedelta(milliseconds=50), 100, None, 0)
    assert injected(after, "worker", "ProcessPayment") is None


def test_faults_that_are_taken_away_leave_the_file_as_it_was() -> None:
    after = with_fault(with_fault(TEXT, SLOW), BROKEN)
    assert without_faults(after) == TEXT
    assert without_faults(without_faults(after, source="orders"), to="payments") == TEXT
    assert without_faults(TEXT) == TEXT


def test_only_the_faults_that_are_meant_go() -> None:
    both = with_fault(with_fault(TEXT, BROKEN), NewFault("users", delay="1s"))
    assert without_faults(both, to="users") == with_fault(TEXT, BROKEN)


def test_a_new_fault_comes_first_and_takes_the_place_of_one_that_it_covers() -> None:
    slower = NewFault(
        "payments", delay="200ms", percentage="10", source="orders", methods=("ProcessPayment",)
    )
    after = with_fault(with_fault(with_fault(TEXT, SLOW), BROKEN), slower)
    assert "50ms, percentage: 100" not in after
    expected = Injected(timedelta(milliseconds=200), 10, 14, 0.5)
    assert injected(after, "orders", "ProcessPayment") == expected
    assert len(parse(after).faults) == 2


def test_a_delay_leaves_an_abort_of_the_same_calls_in_force() -> None:
    after = with_fault(with_fault(TEXT, BROKEN), NewFault("payments", delay="50ms"))
    assert injected(after, "orders", "CancelPayment") == Injected(timedelta(milliseconds=50), 100, 14, 0.5)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (NewFault("payment", delay="1s"), "did you mean `payments`?"),
        (NewFault("payments", delay="soon"), "`delay` is a time with a unit"),
        (NewFault("payments", abort="NO"), "`abort` `NO` is not known"),
        (NewFault("payments"), "a fault has `delay` or `abort`"),
        (NewFault("payments", delay="1s, abort: OK"), "not `1s, abort: OK`"),
        (NewFault("payments", delay="1s} # "), "not `1s} # `"),
        (NewFault("payments", delay='"\\'), 'not `"\\`'),
        (NewFault("payments", delay="1s\nallow: []"), "is more than one line"),
        (NewFault("payments", delay="1s", methods=("Pay",)), "payments serves no `Pay`"),
        (NewFault("payments", delay="1s", source="users"), "users may call none of these methods"),
        (NewFault("payments", delay="1s", percentage="0"), "a number above 0"),
    ],
)
def test_a_fault_that_is_wrong_is_refused_as_it_would_be_in_the_file(fault: NewFault, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        with_fault(TEXT, fault)
    assert said in str(caught.value)


def test_a_split_is_set_changed_and_taken_away() -> None:
    one = with_split(TEXT, "inventory", {"v1": 90, "v2": 10})
    assert changed(TEXT, one) == ["- split: {}", "+ split:", "+   inventory: {v1: 90, v2: 10}"]
    two = with_split(one, "users", {"v1": 100})
    half = with_split(two, "inventory", {"v1": 50, "v2": 50})
    assert parse(half).split == {"users": {"v1": 100}, "inventory": {"v1": 50, "v2": 50}}
    assert with_split(half, "inventory", {"v1": 90, "v2": 10}) == two
    assert with_split(two, "users", {}) == one
    assert with_split(one, "inventory", {}) == TEXT
    assert with_split(TEXT, "inventory", {}) == TEXT


def test_a_changed_split_keeps_its_place_and_the_comment_behind_it() -> None:
    text = TEXT.replace(
        "split: {}", "split:\n  users: {v1: 100}\n  # the new shelves\n  orders: {v1: 100}  # all"
    )
    after = with_split(text, "orders", {"v2": 100})
    assert changed(text, after)[-1] == "+   orders: {v2: 100}  # all"


def test_a_split_in_lines_is_changed_too() -> None:
    text = TEXT.replace("split: {}", "split:\n  users: {v1: 100}\n  orders:\n    v1: 90\n    v2: 10")
    after = with_split(text, "orders", {"v2": 100})
    assert after == TEXT.replace("split: {}", "split:\n  users: {v1: 100}\n  orders: {v2: 100}")


def test_weights_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(PolicyError, match="add up to 99"):
        with_split(TEXT, "inventory", {"v1": 90, "v2": 9})


def test_a_section_that_is_missing_is_made() -> None:
    text = TEXT[: TEXT.index("# --- split")]
    after = with_fault(with_split(text, "users", {"v1": 100}), BROKEN)
    assert (len(parse(after).faults), parse(after).split) == (1, {"users": {"v1": 100}})
    assert after.startswith(text)


def test_a_comment_behind_a_section_stays() -> None:
    text = TEXT.replace("faults: []", "faults: []  # none today")
    after = with_fault(text, BROKEN)
    assert "faults:  # none today\n" in after
    assert without_faults(after) == text


def test_what_is_written_in_brackets_is_changed_there() -> None:
    old = "{to: users, delay: 1s, percentage: 1}"
    text = TEXT.replace("faults: []", f"faults: [{old}]").replace("split: {}", "split: {users: {v1: 100}}")
    both = with_fault(with_split(text, "orders", {"v2": 100}), BROKEN)
    assert "\nsplit: {users: {v1: 100}, orders: {v2: 100}}\n" in both
    assert f"\nfaults: [{{to: payments, abort: UNAVAILABLE, percentage: 0.5}}, {old}]\n" in both
    assert without_split(without_faults(both, to="payments"), "orders") == text
    assert without_faults(without_split(text)) == TEXT


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("faults: []", "faults: [{to: users, delay: 1s, percentage: 1},  # slow\n  ]"),
        ("split: {}", "split:\n  users:\n    v1: 90  # the old one\n    v2: 10"),
    ],
)
def test_a_change_that_would_lose_a_comment_is_refused(before: str, after: str) -> None:
    with pytest.raises(PolicyError, match="a comment here would be lost; change this by hand"):
        with_split(without_faults(TEXT.replace(before, after)), "users", {"v1": 100})


def test_an_entry_that_begins_below_its_dash_is_left_to_a_hand() -> None:
    text = TEXT.replace("faults: []", "faults:\n  -\n    {to: users, delay: 1s, percentage: 1}")
    with pytest.raises(PolicyError, match="begin each entry on a line of its own"):
        without_faults(text)


def test_a_file_that_is_wrong_already_is_not_changed() -> None:
    text = TEXT.replace("timeout: 10s", "timeout: 10")
    with pytest.raises(PolicyError, match="a time with a unit"):
        without_faults(text)


def test_the_same_fault_again_changes_nothing_not_even_the_comment_behind_it() -> None:
    text = with_fault(TEXT, SLOW).replace("percentage: 100}", "percentage: 100}  # the demo")
    assert with_fault(text, SLOW) == text
    again = with_fault(with_fault(text, BROKEN), BROKEN)
    assert again == with_fault(text, BROKEN)


CANARY = NewRoute("inventory", "v2", {"x-canary": "1"}, source="orders", methods=("GetStock", "ReserveStock"))


def test_a_route_is_one_line_in_front_and_goes_again() -> None:
    text = with_allow(TEXT, "orders", "inventory", ["GetStock"])
    one = with_route(text, NewRoute("inventory", "v3", {"x-any": "*"}))
    both = with_route(one, CANARY)
    line = 'from: orders, methods: [GetStock, ReserveStock], headers: {x-canary: "1"}, version: v2}'
    assert changed(one, both) == [f"+   - {{to: inventory, {line}"]
    assert [route.version for route in parse(both).routes] == ["v2", "v3"]
    assert with_route(both, CANARY) == both
    assert without_routes(both, source="orders") == one
    assert without_routes(both, to="inventory") == without_routes(both) == text


def test_a_route_takes_the_place_of_one_that_would_get_no_call_any_more() -> None:
    one = with_route(TEXT, NewRoute("inventory", "v3", {"x-a": "1"}))
    after = with_route(
        with_route(one, NewRoute("inventory", "v2", {"x-a": "2"})), NewRoute("inventory", "v4", {"x-a": "1"})
    )
    assert [route.version for route in parse(after).routes] == ["v4", "v2"]


def test_a_route_that_is_wrong_is_refused_as_it_would_be_in_the_file() -> None:
    for route, said in [
        (NewRoute("inventory", "v2"), "`headers` names none"),
        (NewRoute("inventory", "2", {"x-a": "1"}), "`version` is a letter and then"),
        (NewRoute("inventory", "v2", {"X-A": "1"}), "is not lower-case letters"),
        (NewRoute("inventory", "v2", {"x-a": "1\r\nallow: []"}), "is more than one line"),
    ]:
        with pytest.raises(PolicyError, match=said):
            with_route(TEXT, route)


def test_a_mirror_is_set_changed_and_taken_away() -> None:
    one = with_mirror(TEXT, "products", "v2")
    assert changed(TEXT, one)[2:] == ['+   products: {version: v2, percentage: 100, methods: "*"}']
    two = with_mirror(one, "inventory", "v3", "0.5", ["ReserveStock", "GetStock"])
    found = parse(two).mirror["inventory"]
    assert (found.version, found.percentage, len(found.methods)) == ("v3", 0.5, 2)
    assert with_mirror(two, "inventory", "v3", "0.5", ["ReserveStock", "GetStock"]) == two
    assert with_mirror(two, "products", "v4") == two.replace(
        "\n  products: {version: v2", "\n  products: {version: v4"
    )
    assert without_mirror(two, "inventory") == one
    assert without_mirror(two) == without_mirror(TEXT) == TEXT
    with pytest.raises(PolicyError, match="did you mean `inventory`"):
        without_mirror(two, "inventry")


def test_telemetry_is_set_where_it_stands_or_anew() -> None:
    after = with_traces(with_access_logs(TEXT, "off"), "0.5")
    assert changed(TEXT, after)[1::2] == ['+   access_logs: "off"', "+   traces: 0.5"]
    assert parse(after).telemetry == Telemetry(AccessLogs.OFF, 0.5)
    assert with_access_logs(with_traces(after, "100"), "errors") == TEXT
    bare = TEXT[: TEXT.index("# --- telemetry")]
    assert with_access_logs(bare, "all") == f"{bare}telemetry:\n  access_logs: all\n"
    with pytest.raises(PolicyError, match="`access_logs` `some` is not known"):
        with_access_logs(TEXT, "some")


def attempts(text: str, workload: str, method: str) -> int:
    return parse(text).traffic[workload].methods[method].attempts


def test_retries_are_turned_off_and_on_for_all() -> None:
    after = with_attempts(TEXT, 0)
    assert changed(TEXT, after) == ["-       attempts: 2", "+       attempts: 0"]
    assert {rule.attempts for found in parse(after).traffic.values() for rule in found.methods.values()} == {
        0
    }
    assert with_attempts(after, 2) == TEXT


@pytest.mark.parametrize(
    ("workload", "method", "line"),
    [
        ("users", None, "+   users: {retries: {attempts: 0}}"),
        ("users", "GetUser", "+   users: {methods: {GetUser: {retries: {attempts: 0}}}}"),
        ("inventory", "GetStock", "+       GetStock: {retries: {attempts: 0}}"),
        ("inventory", None, "+     retries: {attempts: 0}"),
        ("payments", "ProcessPayment", "+       ProcessPayment: {retries: {after: unsent, attempts: 0}}"),
        ("orders", "PlaceOrder", "+       PlaceOrder: {timeout: 60s, retries: {attempts: 0}}"),
    ],
)
def test_retries_of_a_workload_or_a_method_are_turned_off_and_are_again_as_they_were(
    workload: str, method: str | None, line: str
) -> None:
    after = with_attempts(TEXT, 0, workload, method)
    assert [new for new in changed(TEXT, after) if new.startswith("+")] == [line]
    assert attempts(after, workload, method or next(iter(BY_WORKLOAD[workload]))) == 0
    assert with_attempts(after, 0, workload, method) == after
    assert with_setting(after, "retries.attempts", None, workload, method) == TEXT


def test_a_timeout_is_set_and_taken_away_and_its_neighbours_stay() -> None:
    after = with_timeout(with_timeout(TEXT, "3s", "payments"), "4s", "payments", "CancelPayment")
    rules = parse(after).traffic["payments"].methods
    found = [rules[name].timeout for name in ("GetPayment", "CancelPayment", "RedriveDeadLetters")]
    assert found == [timedelta(seconds=seconds) for seconds in (3, 4, 60)]
    assert comments(after) == comments(TEXT)
    back = with_setting(after, "timeout", None, "payments", "CancelPayment")
    assert with_setting(back, "timeout", None, "payments") == TEXT
    assert with_setting(TEXT, "timeout", None, "users") == TEXT


@pytest.mark.parametrize(
    ("setting", "value", "workload", "method", "said"),
    [
        ("timeout", "3s", "user", None, "did you mean `users`?"),
        ("timeout", "3s", "users", "GetUsr", "did you mean `GetUser`?"),
        ("timeout", "soon", "users", None, "`timeout` is a time with a unit"),
        ("timeot", "3s", "users", None, "did you mean `timeout`?"),
        ("timeot", None, "users", None, "did you mean `timeout`?"),
        ("timeout", None, "defaults", None, "`traffic.defaults` lacks `timeout`"),
        ("timeout", "3s", "defaults", "GetUser", "`GetUser` is not known"),
        ("retries.attempts", "2", "orders", "PlaceOrder", "`PlaceOrder` may not be repeated"),
        ("timeout.x", "3s", "defaults", None, "did you mean `timeout`?"),
    ],
)
def test_a_setting_that_is_wrong_is_refused(
    setting: str, value: str | None, workload: str, method: str | None, said: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        with_setting(TEXT, setting, value, workload, method)
    assert said in str(caught.value)


@settings(max_examples=8)
@given(
    st.lists(st.sampled_from(SERVERS), unique=True, min_size=1),
    st.integers(min_value=0, max_value=100),
)
def test_splits_and_faults_are_undone_in_any_order(names: list[str], weight: int) -> None:
    text = TEXT
    for name in names:
        text = with_split(text, name, {"v1": weight, "v2": 100 - weight})
        text = with_fault(text, NewFault(name, delay="50ms", percentage="5"))
    assert set(parse(text).split) == {fault.target for fault in parse(text).faults} == set(names)
    for name in sorted(names):
        text = without_faults(with_split(text, name, {}), to=name)
    assert text == TEXT
