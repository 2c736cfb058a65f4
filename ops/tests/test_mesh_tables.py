"""What `make mesh` shows of a policy."""

from __future__ import annotations

from functools import partial

from mesh import policy_edits, policy_reading
from mesh.policy import Policy
from mesh.policy_edits import NewFault, NewRoute
from ops import mesh_tables, state
from ops.mesh_metrics import Pair
from ordermesh.mesh.v1 import mesh_pb2
from ordermesh.mesh.v1 import mesh_service_pb2 as pb

TEXT = (state.ROOT / "envoy" / "mesh.yaml").read_text()


def changed() -> Policy:
    text = TEXT
    for edit in (
        partial(policy_edits.with_fault, fault=NewFault("payments", "5", "50ms", "UNAVAILABLE", "orders")),
        partial(policy_edits.with_split, workload="inventory", weights={"v1": 90, "v2": 10}),
        partial(policy_edits.with_route, route=NewRoute("inventory", "v2", {"x-canary": "*"})),
    ):
        text = edit(text)
    return policy_reading.parse(text)


def row(rows: list[mesh_tables.Row], *begin: str) -> mesh_tables.Row:
    (found,) = (one for one in rows if one[: len(begin)] == begin)
    return found


def test_a_method_shows_its_callers_and_how_it_is_called() -> None:
    rows = mesh_tables.routes(policy_reading.parse(TEXT), "", "payments")
    _, _, callers, timeout, tries, again, besides = row(rows, "payments", "ProcessPayment")
    assert (callers, timeout, tries, besides) == ("operator, orders, worker", "10 s", 3, "-")
    assert "unavailable" not in str(again)


def test_only_what_was_asked_for_is_shown() -> None:
    rows = mesh_tables.routes(policy_reading.parse(TEXT), "worker", "inventory")
    assert [one[1] for one in rows[1:]] == ["CommitStock", "ReleaseStock", "ReserveStock"]


def test_splits_routes_and_faults_stand_beside_their_methods() -> None:
    policy = changed()
    rows = mesh_tables.routes(policy, "", "")
    assert row(rows, "inventory", "ReserveStock")[-1] == "split v1 90 %, v2 10 %; x-canary: * → v2"
    fault = "delay 50 ms and abort UNAVAILABLE of 5 % from orders"
    assert row(rows, "payments", "ProcessPayment")[-1] == fault
    assert mesh_tables.splits(policy)[1] == ("inventory", "v1 90 %, v2 10 %")
    assert mesh_tables.faults(policy)[1][0] == "payments"


def test_nothing_to_show_is_said() -> None:
    policy = policy_reading.parse(TEXT)
    assert mesh_tables.splits(policy) == [("nothing is split",)]
    assert mesh_tables.faults(policy) == [("nothing is injected",)]
    assert mesh_tables.metrics([]) == [("no calls yet",)]


def test_a_proxy_that_refuses_says_what_and_one_behind_says_of_what() -> None:
    refusing = mesh_pb2.Proxy(node_id="a", connected=True)
    refusing.resources.add(type="Cluster", refusal="no such filter")
    behind = mesh_pb2.Proxy(node_id="b", connected=True)
    behind.resources.add(type="Listener")
    shown = [one[-1] for one in mesh_tables.proxies([refusing, behind])[1:]]
    assert shown == ["refuses Cluster: no such filter", "not yet: Listener"]


def test_a_pair_without_an_answer_has_no_times() -> None:
    rows = mesh_tables.metrics([Pair("orders", "payments", 0, 0, 2, 1, None, 12.34)])
    assert rows[1] == ("orders", "payments", 0, 0, 2, 1, "-", "12.3")


def test_mistakes_have_their_lines() -> None:
    state = pb.GetPolicyStateResponse(
        mistakes=[mesh_pb2.PolicyMistake(line=7, description="no such service")]
    )
    assert mesh_tables.mistakes(state) == ["  line 7: no such service"]
