"""Permissions by command: they are given and taken, and every comment stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.methods import BY_WORKLOAD, IDENTITIES, SERVERS, open_to
from mesh.policy_edits import NewFault, with_allow, with_fault, without_allow
from mesh.policy_nodes import PolicyError
from mesh.policy_reading import parse
from mesh.tests.texts import TEXT, changed, comments


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
    after = with_allow(TEXT, "processor", "users", ["*"])
    assert changed(TEXT, after) == ['+   - {from: processor, to: users, methods: "*"}']
    assert parse(after).allowed("processor", "users", "GetPublicKeys")
    assert not parse(after).allowed("processor", "users", "GetUser")
    assert without_allow(after, "processor", "users") == TEXT


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
        without_allow(
            with_fault(TEXT, NewFault("payments", delay="50ms", source="orders")), "orders", "payments"
        )


GRANTS = [
    (source, target, name)
    for source in IDENTITIES
    for target in SERVERS
    for name, method in BY_WORKLOAD[target].items()
    if source != target and open_to(source, method) and not method.is_health
]


@settings(max_examples=20)
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
