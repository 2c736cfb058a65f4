"""A sidecar is told whom it may call and who may call it; a real Envoy takes all of it."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.rbac.v3 import rbac_pb2
from envoy.config.route.v3.route_components_pb2 import Route
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBACPerRoute
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext

from mesh.dry_run import Refused, validate
from mesh.incoming import RBAC_FILTER
from mesh.methods import METHODS, SERVERS
from mesh.policy import Policy
from mesh.proxies import Node
from mesh.registry import Instance, Registered
from mesh.sidecar import Credentials, Mesh, snapshot
from mesh.snapshot import CLUSTER, ENDPOINTS, ROUTES, Snapshot, version_of
from mesh.tests.policies import policy, without_extras

ROOT = Path(__file__).resolve().parents[2]
ENVOY = ROOT / "var" / "venv" / "servers" / "bin" / "envoy"
NOBODY = Credentials(b"chain", b"key", b"bundle")
HERE = Registered({}).arrived(Instance("inventory-1", "inventory", "127.0.0.1:15054", "v1"))


def told(workload: str, found: Policy) -> Snapshot:
    return snapshot(node(workload), NOBODY, Mesh(found, HERE, "ordermesh.local", timedelta(minutes=5)))


def node(workload: str) -> Node:
    return Node(f"{workload}-1", workload, "127.0.0.1", 15054, "run/egress.sock", "run/application.sock")


def routes(found: Snapshot, name: str) -> list[Route]:
    configuration = RouteConfiguration.FromString(found.resources[ROUTES][name].value)
    return [route for host in configuration.virtual_hosts for route in host.routes]


def callers(route: Route) -> list[str]:
    per_route = RBACPerRoute()
    assert route.typed_per_filter_config[RBAC_FILTER].Unpack(per_route)
    assert per_route.rbac.rules.action == rbac_pb2.RBAC.Action.ALLOW
    return [
        principal.authenticated.principal_name.exact.removeprefix("spiffe://ordermesh.local/")
        for rule in per_route.rbac.rules.policies.values()
        for principal in rule.principals
    ]


def test_a_caller_knows_the_workloads_that_it_may_call_and_no_others() -> None:
    found = told("orders", policy())
    assert set(found.resources[CLUSTER]) == {"inventory", "products", "products-v2", "application"}
    paths = [route.match.path for route in routes(found, "egress") if route.match.path]
    assert "/ordermesh.inventory.v1.InventoryService/ReserveStock" in paths
    assert "/ordermesh.inventory.v1.InventoryService/ReleaseStock" not in paths


def test_a_callee_is_accepted_by_its_own_identity_only() -> None:
    cluster = Cluster.FromString(told("orders", policy()).resources[CLUSTER]["inventory"].value)
    context = UpstreamTlsContext()
    assert cluster.transport_socket.typed_config.Unpack(context)
    (san,) = (
        context.common_tls_context.combined_validation_context.default_validation_context
    ).match_typed_subject_alt_names
    assert san.matcher.exact == "spiffe://ordermesh.local/inventory"


def test_an_instance_that_drains_gets_no_call_from_the_moment_that_it_is_told_while_another_is_well() -> None:
    cluster = Cluster.FromString(told("orders", policy()).resources[CLUSTER]["inventory"].value)
    held_back = cluster.common_lb_config
    assert held_back.HasField("update_merge_window")
    assert held_back.update_merge_window.ToTimedelta() == timedelta(0)
    assert held_back.healthy_panic_threshold.value == 1


@pytest.mark.parametrize("workload", SERVERS)
def test_the_door_of_every_workload_is_open_to_those_that_the_policy_names(workload: str) -> None:
    plain = without_extras(policy())
    found = routes(told(workload, plain), "inbound")
    by_path = {route.match.path or route.match.prefix: callers(route) for route in found}
    for method in METHODS:
        if method.workload == workload:
            assert set(by_path[method.path]) == plain.callers(method)
    assert by_path["/"] == []  # whatever else is asked for


def test_a_fault_for_one_caller_leaves_all_others_alone() -> None:
    reserve = [
        route
        for route in routes(told("inventory", policy()), "inbound")
        if route.match.path.endswith("/ReserveStock")
    ]
    assert [bool(route.match.headers) for route in reserve] == [True, False]
    assert callers(reserve[0]) == ["orders"]


def test_the_same_world_is_the_same_version_and_another_is_another() -> None:
    one, same = told("orders", policy()), told("orders", policy())
    for type_url in one.resources:
        assert version_of(one.resources[type_url]) == version_of(same.resources[type_url])
    moved = HERE.arrived(Instance("inventory-2", "inventory", "127.0.0.1:2"))
    other = snapshot(node("orders"), NOBODY, Mesh(policy(), moved, "ordermesh.local", timedelta(minutes=5)))
    changed = {
        type_url
        for type_url in one.resources
        if version_of(one.resources[type_url]) != version_of(other.resources[type_url])
    }
    assert changed == {ENDPOINTS}


@pytest.mark.parametrize("workload", ["orders", "inventory", "worker", "payments"])
def test_envoy_takes_what_a_sidecar_is_told(workload: str) -> None:
    assert ENVOY.exists(), "run `make install`"
    validate(ENVOY, told(workload, policy()))


def test_envoy_says_what_is_wrong_with_a_snapshot() -> None:
    found = told("orders", policy())
    broken = Cluster.FromString(found.resources[CLUSTER]["inventory"].value)
    broken.lb_policy = Cluster.LbPolicy.CLUSTER_PROVIDED
    resources = {**found.resources, CLUSTER: {**found.resources[CLUSTER]}}
    resources[CLUSTER]["inventory"].value = broken.SerializeToString()
    with pytest.raises(Refused, match="CLUSTER_PROVIDED"):
        validate(ENVOY, Snapshot(resources))


VERSIONS = """
from datetime import timedelta
from mesh.proxies import Node
from mesh.registry import Registered
from mesh.sidecar import Credentials, Mesh, snapshot
from mesh.snapshot import version_of
from mesh.tests.policies import policy

node = Node("orders-1", "orders", "127.0.0.1", 9, "egress", "application", "v1")
mesh = Mesh(policy(), Registered({}), "ordermesh.local", timedelta(minutes=15), "127.0.0.1:4317")
found = snapshot(node, Credentials(b"chain", b"key", b"bundle"), mesh)
print(sorted((type_url, version_of(named)) for type_url, named in found.resources.items()))
"""


def test_another_process_has_the_same_versions_so_its_restart_drains_no_listener() -> None:
    def told() -> bytes:
        command = [sys.executable, "-c", VERSIONS]
        paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(command, cwd=ROOT, env=paths, capture_output=True, check=True).stdout  # noqa: S603 - ours

    assert len({told() for _ in range(3)}) == 1
