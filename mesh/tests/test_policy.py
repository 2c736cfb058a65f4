"""The committed policy: what it allows is what the code calls, and nothing else."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.methods import BY_WORKLOAD, IDENTITIES, METHODS, PAGES, SERVE, SERVERS, Method, open_to
from mesh.policy import UNANSWERED, UNSENT, Policy, matrix
from mesh.policy_reading import load, parse

ROOT = Path(__file__).parents[2]
FILE = ROOT / "envoy/mesh.yaml"
TEXT = FILE.read_text()
POLICY = load(FILE)
SAGA = ["GetPaymentToken", "ConfirmOrder", "CloseOrder"]
LONG = ["AwaitApproval", "ResumeOrder", "ShipOrder", "DeliverOrder"]
STOCK = ["ReserveStock", "ReleaseStock", "CommitStock"]
CARD = ["CreateCharge", "CreateAuthorization", "CaptureAuthorization", "VoidCharge", "RefundCharge"]
CALLS = {
    ("products", "users"): {"GetPublicKeys"},
    ("orders", "users"): {"GetPublicKeys"},
    ("inventory", "users"): {"GetPublicKeys"},
    ("payments", "users"): {"GetPublicKeys"},
    ("analytics", "users"): {"GetPublicKeys"},
    ("shipping", "users"): {"GetPublicKeys"},
    ("notifications", "users"): {"GetPublicKeys", "GetContact"},
    ("orders", "products"): {"BatchGetProducts"},
    ("orders", "inventory"): {*STOCK},
    ("orders", "payments"): {"ProcessPayment", "CancelPayment"},
    ("orders", "notifications"): {"SendConfirmation"},
    ("worker", "orders"): {*SAGA, *LONG},
    ("worker", "inventory"): {*STOCK},
    ("worker", "payments"): {"ProcessPayment", "AuthorizePayment", "CapturePayment", "CancelPayment"},
    ("worker", "notifications"): {"SendConfirmation"},
    ("worker", "shipping"): {"BookShipment", "DispatchShipment", "CancelShipment"},
    ("payments", "processor"): {*CARD},
    ("overview", "orders"): {"GetOrder"},
    ("overview", "users"): {"GetPublicKeys", "GetUser"},
    ("overview", "products"): {"BatchGetProducts"},
    ("overview", "payments"): {"GetPayment"},
    ("overview", "shipping"): {"GetShipment"},
    ("edge", "users"): {"CreateUser", "SignIn", "GetUser", "BatchGetUsers", "GetPublicKeys"},
    ("edge", "products"): {"GetProduct", "BatchGetProducts", "ListProducts"},
    ("edge", "orders"): {
        "PlaceOrder",
        "GetOrder",
        "ListOrders",
        "CancelOrder",
        "WatchOrder",
        "BatchGetHistories",
    },
    ("edge", "shipping"): {"GetShipment", "BatchGetShipments"},
    ("edge", "overview"): {"GetOrderOverview"},
    ("edge", "bff-web"): {SERVE},
    ("edge", "bff-partner"): {SERVE},
    ("bff-partner", "users"): {"GetPublicKeys", "IssueClientToken"},
    ("bff-partner", "products"): {"GetProduct", "ListProducts"},
    ("bff-partner", "orders"): {"GetOrder", "ListOrders", "BatchGetHistories", "PlaceOrder", "CancelOrder"},
    ("bff-partner", "notifications"): {
        "CreateWebhookEndpoint",
        "GetWebhookEndpoint",
        "ListWebhookEndpoints",
        "DeleteWebhookEndpoint",
        "VerifyWebhookEndpoint",
        "RotateWebhookSecret",
        "ListWebhookDeliveries",
        "RedeliverWebhook",
    },
    ("bff-web", "users"): {"GetPublicKeys", "BatchGetUsers", "CreateUser", "SignIn"},
    ("bff-web", "products"): {"BatchGetProducts", "ListProducts"},
    ("bff-web", "orders"): {
        "GetOrder",
        "ListOrders",
        "BatchGetHistories",
        "PlaceOrder",
        "CancelOrder",
        "WatchOrder",
    },
    ("bff-web", "payments"): {"BatchGetPayments"},
    ("bff-web", "shipping"): {"BatchGetShipments"},
    ("edge", "bff-mobile"): {SERVE},
    ("bff-mobile", "users"): {"GetPublicKeys", "GetUser", "SignIn"},
    ("bff-mobile", "products"): {"ListProducts"},
    ("bff-mobile", "orders"): {"GetOrder", "ListOrders", "PlaceOrder", "WatchOrder"},
}
"""Who calls what today, the operator's entry left out: it may everything."""


def granted(policy: Policy) -> dict[tuple[str, str], set[str]]:
    """What may be called beside health, by caller and callee."""
    found: dict[tuple[str, str], set[str]] = {}
    for cell in matrix(policy):
        if cell.allowed and not cell.method.is_health:
            found.setdefault((cell.identity, cell.method.workload), set()).add(cell.method.name)
    return found


def test_the_policy_allows_todays_calls_and_nothing_else() -> None:
    operator = {
        ("operator", name): {m.name for m in BY_WORKLOAD[name].values() if not m.is_health}
        for name in SERVERS
        if name not in PAGES
    }
    assert granted(POLICY) == CALLS | operator


def caller_of(path: Path) -> str:
    """The workload that a source file belongs to."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "workflows":
        return "worker"
    front = {name: f"bff-{name}" for name in ("web", "mobile", "partner")}
    return "processor" if "processor" in parts else front.get(parts[1], parts[1])


def calls_in(text: str) -> set[tuple[str, str]]:
    """Methods that a file calls: attributes with the names of methods that its stubs have."""
    found = set()
    for stub in re.findall(r"_pb2_grpc\.([A-Za-z]+)Stub\(", text):
        for method in METHODS:
            if method.service.endswith(f".{stub}") and re.search(
                rf"\._[a-z]+\.{method.name}\b|stub\.{method.name}\b", text
            ):
                found.add((method.workload, method.name))
    return found


def test_the_calls_that_the_code_makes_are_on_the_list() -> None:
    """A new call is found here, before a sidecar denies it."""
    made: dict[tuple[str, str], set[str]] = {}
    sources = [path for name in ("services", "bff", "workflows") for path in (ROOT / name).rglob("*.py")]
    for path in (path for path in sources if "tests" not in path.parts):
        text = path.read_text()
        calls = calls_in(text)
        if "keys_of(" in text:
            calls |= calls_in((ROOT / "kit/tokens.py").read_text())
        for callee, name in calls:
            made.setdefault((caller_of(path), callee), set()).add(name)
    assert made == {pair: names for pair, names in CALLS.items() if pair[0] != "edge"}


def test_every_workload_appears() -> None:
    callers = {rule.source for rule in POLICY.allow}
    callees = {rule.target for rule in POLICY.allow}
    assert callees == set(SERVERS)
    assert set(IDENTITIES) - callers == {"users", "processor"}, "these two call nobody"
    section = TEXT.split("\ntraffic:\n")[1].split("\nsplit:")[0]
    assert re.findall(r"^  ([a-z-]+):", section, re.MULTILINE)[1:] == list(SERVERS_AS_WRITTEN)


SERVERS_AS_WRITTEN = (
    "users", "products", "orders", "inventory", "payments",
    "processor", "notifications", "analytics", "shipping", "overview", "bff-web", "bff-mobile",
    "bff-partner",
)  # fmt: skip


def test_nothing_is_shaped_until_somebody_asks_for_it() -> None:
    assert (POLICY.split, POLICY.routes, POLICY.mirror, POLICY.faults) == ({}, (), {}, ())


def test_the_matrix_has_every_identity_and_every_method_once() -> None:
    cells = list(matrix(POLICY))
    assert (
        len({(cell.identity, cell.method) for cell in cells}) == len(cells) == len(IDENTITIES) * len(METHODS)
    )


def test_nothing_is_allowed_that_the_protos_do_not_open() -> None:
    assert not [cell for cell in matrix(POLICY) if cell.allowed and not open_to(cell.identity, cell.method)]


@pytest.mark.parametrize(
    ("source", "target", "method"),
    [
        ("orders", "inventory", "/ordermesh.inventory.v1.InventoryService/ReserveStock"),
        ("orders", "inventory", "ReserveStock"),
        ("bff-web", "users", "/grpc.health.v1.Health/Check"),
    ],
)
def test_a_call_is_named_by_its_path_or_its_method(source: str, target: str, method: str) -> None:
    assert POLICY.allowed(source, target, method)


@pytest.mark.parametrize(
    ("source", "target", "method"),
    [
        ("stranger", "users", "Check"),
        ("operator", "worker", "Check"),
        ("operator", "users", "NoSuch"),
        ("operator", "users", "/ordermesh.users.v1.ContactsService/GetUser"),
        ("operator", "users", "/x/GetUser"),
        ("operator", "users", "UsersService/GetUser"),
        ("operator", "users", ""),
        ("", "", ""),
    ],
)
def test_an_unknown_name_may_nothing(source: str, target: str, method: str) -> None:
    assert not POLICY.allowed(source, target, method)


CHOICES = [
    (name, m)
    for name in IDENTITIES
    for m in METHODS
    if open_to(name, m) and not m.is_health and name != m.workload
]
TRAFFIC = "traffic:" + TEXT.split("\ntraffic:")[1].split("\nsplit:")[0]


def rules(chosen: set[tuple[str, Method]]) -> list[str]:
    """Entries of `allow` that allow exactly these."""
    named: dict[tuple[str, str], list[str]] = {}
    for source, method in chosen:
        named.setdefault((source, method.workload), []).append(method.name)
    return [
        f"  - {{from: {source}, to: {target}, methods: [{', '.join(names)}]}}"
        for (source, target), names in named.items()
    ]


@given(st.sets(st.sampled_from(CHOICES), max_size=12))
def test_exactly_what_is_written_is_allowed(chosen: set[tuple[str, Method]]) -> None:
    entries = rules(chosen)
    policy = parse("\n".join(["allow:", *entries, TRAFFIC] if entries else ["allow: []", TRAFFIC]))
    assert {(c.identity, c.method) for c in matrix(policy) if c.allowed and not c.method.is_health} == chosen
    assert all(cell.allowed for cell in matrix(policy) if cell.method.is_health)
    for name in IDENTITIES:
        assert set(policy.callees(name)) == {m.workload for source, m in chosen if source == name}
    for method in METHODS:
        callers = {name for name, called in chosen if called == method}
        assert policy.callers(method) == (set(IDENTITIES) if method.is_health else callers)


def test_traffic_is_complete_for_every_method() -> None:
    for workload in SERVERS:
        traffic = POLICY.traffic[workload]
        assert set(traffic.methods) == set(BY_WORKLOAD[workload])
        for name, rule in traffic.methods.items():
            times = (rule.timeout, rule.idle_timeout, rule.max_duration)
            wanted = (False, True, True) if rule.method.streams else (True, False, False)
            assert tuple(time is not None for time in times) == wanted, name


def test_only_what_may_be_repeated_is_repeated_after_an_answer_that_decides_nothing() -> None:
    """Orders must know of a charge whether it may have been sent; a try before would hide that."""
    rules = [rule for traffic in POLICY.traffic.values() for rule in traffic.methods.values()]
    for rule in rules:
        assert rule.retry_on in (UNSENT, UNSENT + UNANSWERED)
        assert rule.method.repeatable or rule.retry_on == UNSENT
        assert "deadline-exceeded" not in rule.retry_on
    once = {rule.method.name for rule in rules if rule.retry_on == UNSENT}
    assert once == {"PlaceOrder", "ProcessPayment", SERVE}


def test_the_mesh_waits_longer_than_the_applications_do() -> None:
    """Else the caller would be told 504 and not what its own deadline says: 5 s, PlaceOrder up to 60 s."""
    for traffic in POLICY.traffic.values():
        for rule in traffic.methods.values():
            least = timedelta(seconds=60 if rule.method.name == "PlaceOrder" else 10)
            assert rule.timeout is None or rule.timeout >= least
