"""Changes by command: they do what they say, keep every comment, and can be undone."""

from __future__ import annotations

import difflib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.methods import BY_WORKLOAD, IDENTITIES, SERVERS, open_to
from mesh.policy import Injected
from mesh.policy_edits import NewFault, with_allow, with_fault, with_split, without_allow, without_faults
from mesh.policy_nodes import PolicyError
from mesh.policy_reading import parse

FILE = Path(__file__).parents[2] / "envoy/mesh.yaml"
TEXT = FILE.read_text()
SLOW = NewFault("payments", delay="50ms", source="orders", methods=("ProcessPayment",))
BROKEN = NewFault("payments", percentage="0.5", abort="UNAVAILABLE")


def changed(before: str, after: str) -> list[str]:
    """The lines that are gone and those that are new, with their signs."""
    lines = difflib.ndiff(before.split("\n"), after.split("\n"))
    return [line for line in lines if line[:2] in ("- ", "+ ")]


def comments(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip().startswith("#")]


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


def test_a_method_is_added_to_the_rule_that_is_there() -> None:
    after = with_allow(TEXT, "orders", "inventory", ["GetStock"])
    assert changed(TEXT, after)[1] == (
        "+   - {from: orders, to: inventory, methods: [ReserveStock, ReleaseStock, CommitStock, GetStock]}"
    )
    assert parse(after).allowed("orders", "inventory", "GetStock")
    assert without_allow(after, "orders", "inventory", ["GetStock"]) == TEXT


def test_a_new_rule_stands_with_those_of_the_same_caller() -> None:
    after = with_allow(TEXT, "orders", "shipping", ["BookShipment"])
    lines = after.split("\n")
    place = lines.index("  - {from: orders, to: shipping, methods: [BookShipment]}")
    assert "from: orders, to: notifications" in lines[place - 1]
    assert without_allow(after, "orders", "shipping") == TEXT


def test_a_caller_without_rules_gets_its_first_at_the_end() -> None:
    after = with_allow(TEXT, "bff-web", "orders", ["*"])
    assert changed(TEXT, after) == ['+   - {from: bff-web, to: orders, methods: "*"}']
    assert parse(after).allowed("bff-web", "orders", "WatchOrder")
    assert not parse(after).allowed("bff-web", "orders", "CloseOrder")
    assert without_allow(after, "bff-web", "orders") == TEXT


def test_all_methods_are_added_one_by_one_where_some_are_listed() -> None:
    after = with_allow(TEXT, "orders", "inventory", ["*"])
    assert parse(after).allowed("orders", "inventory", "GetStock")
    assert not parse(after).allowed("orders", "inventory", "Restock")


def test_a_method_goes_from_a_list_in_lines_and_its_neighbours_stay() -> None:
    after = without_allow(TEXT, "worker", "orders", ["ConfirmOrder", "DeliverOrder"])
    assert changed(TEXT, after) == ["-       - ConfirmOrder", "-       - DeliverOrder"]
    back = with_allow(after, "worker", "orders", ["ConfirmOrder", "DeliverOrder"])
    assert parse(back).callers(BY_WORKLOAD["orders"]["ConfirmOrder"]) == {"worker", "operator"}
    assert comments(back) == comments(TEXT)


def test_a_method_goes_from_all_of_them() -> None:
    after = without_allow(TEXT, "edge", "orders", ["PlaceOrder"])
    policy = parse(after)
    assert not policy.allowed("edge", "orders", "PlaceOrder")
    assert policy.allowed("edge", "orders", "GetOrder")
    assert len(changed(TEXT, after)) == 2


def test_the_last_method_takes_its_rule_with_it() -> None:
    after = without_allow(TEXT, "orders", "products", ["BatchGetProducts"])
    assert changed(TEXT, after) == ["-   - {from: orders, to: products, methods: [BatchGetProducts]}"]


def test_what_is_so_already_changes_nothing() -> None:
    assert with_allow(TEXT, "orders", "inventory", ["ReserveStock"]) == TEXT
    assert with_allow(TEXT, "edge", "orders", ["PlaceOrder"]) == TEXT
    assert without_allow(TEXT, "orders", "shipping") == TEXT
    assert without_allow(TEXT, "orders", "inventory", ["GetStock"]) == TEXT


@pytest.mark.parametrize(
    ("source", "target", "methods", "said"),
    [
        ("ordrs", "users", ["GetContact"], "did you mean `orders`?"),
        ("orders", "worker", ["GetContact"], "`worker` is not known"),
        ("orders", "users", ["GetKontact"], "did you mean `GetContact`?"),
        ("edge", "payments", ["GetPayment"], "edge may never call `GetPayment`"),
        ("edge", "orders", ["CloseOrder"], "edge may never call `CloseOrder` of orders"),
        ("edge", "orders", ["PlaceOdrer"], "did you mean `PlaceOrder`?"),
    ],
)
def test_a_permission_that_the_file_may_not_hold_is_refused(
    source: str, target: str, methods: list[str], said: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        with_allow(TEXT, source, target, methods)
    assert said in str(caught.value)


def test_a_revocation_of_what_there_is_not_is_refused() -> None:
    for source, target, method in [
        ("ordrs", "users", "*"),
        ("orders", "userz", "*"),
        ("orders", "users", "X"),
    ]:
        with pytest.raises(PolicyError, match="is not known"):
            without_allow(TEXT, source, target, [method])


def test_a_permission_that_a_fault_needs_is_not_revoked_silently() -> None:
    with pytest.raises(PolicyError, match="so this never happens"):
        without_allow(with_fault(TEXT, SLOW), "orders", "payments")


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


def test_what_a_command_cannot_change_without_loss_is_refused() -> None:
    text = TEXT.replace("faults: []", "faults: [{to: users, delay: 1s, percentage: 1}]")
    with pytest.raises(PolicyError, match="give each entry a line"):
        with_fault(text, BROKEN)
    with pytest.raises(PolicyError, match="give each entry a line"):
        without_faults(text)


def test_a_file_that_is_wrong_already_is_not_changed() -> None:
    text = TEXT.replace("timeout: 10s", "timeout: 10")
    with pytest.raises(PolicyError, match="a time with a unit"):
        without_faults(text)


GRANTS = [
    (source, target, name)
    for source in IDENTITIES
    for target in SERVERS
    for name, method in BY_WORKLOAD[target].items()
    if source != target and open_to(source, method) and not method.is_health
]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(GRANTS)), max_size=5))
def test_permissions_are_given_and_taken_in_any_order_and_no_comment_outside_is_lost(
    steps: list[tuple[bool, tuple[str, str, str]]],
) -> None:
    text = TEXT
    for gives, (source, target, name) in steps:
        before = parse(text)
        text = (with_allow if gives else without_allow)(text, source, target, [name])
        after = parse(text)
        assert after.allowed(source, target, name) is gives
        differ = [grant for grant in GRANTS if before.allowed(*grant) is not after.allowed(*grant)]
        assert differ in ([], [(source, target, name)])
    assert comments(text) == comments(TEXT)


@settings(deadline=None, max_examples=8)
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
