"""What the sections mean, and each mistake with its line and what to change."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mesh.methods import BY_WORKLOAD
from mesh.policy import UNANSWERED, UNSENT, AccessLogs, Balancing, Breaker, Injected, Policy, Telemetry
from mesh.policy_nodes import PolicyError
from mesh.policy_reading import load, parse

DEFAULTS = """traffic:
  defaults:
    timeout: 10s
    idle_timeout: 1h
    max_duration: 1h
    connect_timeout: 1s
    balancing: round_robin
    retries: {attempts: 2, budget_percent: 20, min_concurrency: 1}
    breaker: {connections: 1, pending: 2, requests: 3}
    outliers: {consecutive_errors: 5, interval: 1s, ejection: 2s, max_ejected_percent: 50}
    health_check: {interval: 1s, timeout: 1s, unhealthy_after: 2, healthy_after: 1}
"""
ALLOW = "allow:\n  - {from: orders, to: inventory, methods: [ReserveStock, GetStock]}\n"
START = ALLOW + DEFAULTS
NEXT = START.count("\n") + 1
"""The line of what is put behind START."""


def policy(more: str) -> Policy:
    return parse(START + more)


def mistakes(text: str) -> list[tuple[int, str]]:
    with pytest.raises(PolicyError) as caught:
        parse(text)
    return [(mistake.line, mistake.text) for mistake in caught.value.mistakes]


AT_ALLOW = [
    (
        "{from: ordrs, to: inventory, methods: [GetStock]}",
        "`from` `ordrs` is not known; did you mean `orders`?",
    ),
    (
        "{from: orders, to: stock, methods: [GetStock]}",
        "`to` `stock` is not known; known: analytics, bff-",
    ),
    ("{from: orders, to: worker, methods: [GetStock]}", "`to` `worker` is not known"),
    ("{from: orders, to: users, methods: [GetStock]}", "users serves no `GetStock`; inventory serves it"),
    ("{from: orders, to: users, methods: [getpublickeys]}", "did you mean `GetPublicKeys`?"),
    (
        "{from: orders, to: users, methods: [Check]}",
        "`Check` is a health check, which everybody may ask; remove it",
    ),
    ("{from: orders, to: users, methods: []}", "no method is named"),
    ("{from: orders, to: users, methods: GetPublicKeys}", "`methods` is a list"),
    ('{from: orders, to: users, methods: ["*"]}', 'all methods are written `methods: "*"`'),
    ("{from: orders, to: users, methods: [GetPublicKeys, GetPublicKeys]}", "stands in this list already"),
    ("{from: orders, to: users, methods: [[a]]}", "a method is the name of an RPC"),
    ("{from: orders, to: users}", "an entry of `allow` lacks `methods`"),
    ("{to: users}", "an entry of `allow` lacks `from` and `methods`"),
    (
        "{from: orders, to: users, method: [GetPublicKeys]}",
        "unknown key `method` in an entry of `allow`; did you mean",
    ),
    ("{from: orders, to: orders, methods: [GetPaymentToken]}", "orders does not call itself"),
    (
        "{from: orders, to: inventory, methods: [GetStock]}",
        "line 2 allows calls from orders to inventory already",
    ),
    ("orders", "an entry of `allow` is a map"),
    ("{from: [orders], to: users, methods: [GetPublicKeys]}", "`from` is a single value"),
    (
        "{from: edge, to: orders, methods: [ConfirmOrder]}",
        "ACCESS_WORKLOAD, and edge is the public entry; remove it",
    ),
    ("{from: edge, to: orders, methods: [ApproveOrder]}", "edge may never call `ApproveOrder`"),
    ("{from: edge, to: payments, methods: [GetPayment]}", "edge may never call `GetPayment`"),
    ('{from: edge, to: payments, methods: "*"}', "no method of payments is open to the public entry; remove"),
    (
        "{from: worker, to: payments, methods: [GetPayment]}",
        "ACCESS_USER, and worker is a service or the worker",
    ),
    ("{from: bff-web, to: orders, methods: [CloseOrder]}", "bff-web may never call `CloseOrder`"),
]


@pytest.mark.parametrize(("entry", "said"), AT_ALLOW)
def test_a_wrong_rule_is_refused(entry: str, said: str) -> None:
    ((line, text),) = mistakes(f"{ALLOW}  - {entry}\n{DEFAULTS}")
    assert line == 3
    assert said in text


AT_TRAFFIC = [
    ("  ordres: {}", "unknown key `ordres` in `traffic`; did you mean `orders`?"),
    ("  worker: {}", "unknown key `worker` in `traffic`"),
    ("  orders: {timeot: 2s}", "unknown key `timeot` in `traffic.orders`; did you mean `timeout`?"),
    (
        "  orders: {breaker: {conections: 2}}",
        "unknown key `conections` in `breaker` of `traffic.orders`; did you",
    ),
    ("  orders: {retries: 3}", "`retries` of `traffic.orders` is a map"),
    ("  orders: {timeout: 2}", "`timeout` is a time with a unit, such as 50ms, 2s, 5m or 1h, not `2`"),
    ("  orders: {timeout: 0s}", "not `0s`"),
    ("  orders: {timeout: 2 s}", "not `2 s`"),
    ("  orders: {timeout: 1.5s}", "not `1.5s`"),
    ("  orders: {timeout: 9ms}", "`timeout` is from 10ms to 5m, not 9ms"),
    ("  orders: {timeout: 1h}", "`timeout` is from 10ms to 5m, not 1h"),
    ("  orders: {timeout: [1s]}", "`timeout` is a single value"),
    (
        "  orders: {balancing: roundrobin}",
        "`balancing` `roundrobin` is not known; did you mean `round_robin`?",
    ),
    ("  orders: {retries: {attempts: 6}}", "`retries.attempts` is a whole number from 0 to 5, not `6`"),
    ("  orders: {retries: {attempts: 1.0}}", "not `1.0`"),
    ("  orders: {retries: {attempts: 02}}", "not `02`"),
    ("  orders: {retries: {budget_percent: 0}}", "a number above 0 and up to 100, such as 5 or 0.5, not `0`"),
    ("  orders: {outliers: {max_ejected_percent: 101}}", "a whole number from 1 to 100"),
    ("  orders: {methods: {PlaceOdrer: {}}}", "orders serves no `PlaceOdrer`; did you mean `PlaceOrder`?"),
    ("  orders: {methods: {Check: {}}}", "`Check` is a health check"),
    ("  orders: {methods: []}", "`methods` of `traffic.orders` is a map"),
    ("  orders: {methods: {PlaceOrder: 3s}}", "`PlaceOrder` is a map"),
    (
        "  orders: {methods: {PlaceOrder: {retries: {attempts: 1}}}}",
        "`PlaceOrder` may not be repeated: its proto",
    ),
    ("  orders: {methods: {GetOrder: {idle_timeout: 1m}}}", "it is no stream; set `timeout`"),
    (
        "  orders: {methods: {WatchOrder: {timeout: 1m}}}",
        "it is a stream and may stay open; set `idle_timeout`",
    ),
    ("  orders: {methods: {GetOrder: {balancing: random}}}", "one value is for all methods of a workload"),
    ("  orders: {methods: {GetOrder: {retries: {budget_percent: 1}}}}", "set it at the workload"),
    (
        "  orders: {methods: {GetOrder: {time: 1s}}}",
        "unknown key `time` in `GetOrder`; did you mean `timeout`?",
    ),
    ("  orders: n", "`traffic.orders` is a map; write `key: value`"),
    ("  orders:", "`traffic.orders` is a map; write `key: value`"),
    ("  orders: {timeout: }", "`timeout` is a time with a unit, such as 50ms, 2s, 5m or 1h, not ``"),
    ("  orders: {timeout: 2s, timeout: 3s}", f"`timeout` stands on line {NEXT} already; keep one of the two"),
    ("  orders: {<<: {timeout: 3s}}", "unknown key `<<` in `traffic.orders`"),
    ("  orders: {[a]: 3s}", "a key of `traffic.orders` is a single word"),
    (
        "  orders: {methods: {GetOrder: {retries: {after: reset}}}}",
        "`reset` is not known; known: unavailable, un",
    ),
    (
        "  orders: {methods: {PlaceOrder: {retries: {after: unavailable}}}}",
        "`PlaceOrder` may not be repeated",
    ),
    (
        "  orders: {methods: {PlaceOrder: {retries: {attempts: 1, after: unavailable}}}}",
        "write `after: unsent`",
    ),
    ("  orders: {retries: {after: unsent}}", "unknown key `after` in `retries` of `traffic.orders`"),
]


@pytest.mark.parametrize(("line", "said"), AT_TRAFFIC)
def test_a_wrong_value_of_traffic_is_refused(line: str, said: str) -> None:
    ((found, text),) = mistakes(f"{START}{line}\n")
    assert found == NEXT
    assert said in text


AT_SHAPING = [
    (
        "split:\n  inventory: {v1: 90, v2: 20}",
        2,
        "the weights of `split.inventory` add up to 110; they must to 100",
    ),
    ("split:\n  inventory: {}", 2, "add up to 0"),
    ("split:\n  inventory: {v1: 33.3, v2: 100}", 2, "the weight of `v1` is a whole number from 0 to 100"),
    ("split:\n  inventory: {1.10: 100}", 2, "a version is a letter and then letters, digits, `.` or `-`"),
    ("split:\n  inventry: {v1: 100}", 2, "unknown key `inventry` in `split`; did you mean `inventory`?"),
    ("split: []", 1, "`split` is a map"),
    ("splits: {}", 1, "unknown key `splits` in the policy; did you mean `split`?"),
    ('routes:\n  - {to: inventory, headers: {X-A: "1"}, version: v2}', 2, "is not lower-case letters"),
    ("routes:\n  - {to: inventory, headers: {x-a: 1}, version: v2}", 2, '`1` is no text to YAML; write "1"'),
    ("routes:\n  - {to: inventory, headers: {x-a: yes}, version: v2}", 2, "`yes` is no text to YAML"),
    ("routes:\n  - {to: inventory, headers: {x-a: }, version: v2}", 2, 'write "" with quotes'),
    ('routes:\n  - {to: inventory, headers: {x-a: ""}, version: v2}', 2, "is one line of letters"),
    ('routes:\n  - {to: inventory, headers: {x-a: "a\\nb"}, version: v2}', 2, "is one line of letters"),
    ("routes:\n  - {to: inventory, headers: {}, version: v2}", 2, "`headers` names none"),
    ("routes:\n  - {to: inventory, headers: {x-a: b}}", 2, "an entry of `routes` lacks `version`"),
    ("routes:\n  - {to: inventory, from: users, headers: {x-a: b}, version: v2}", 2, "users may call none"),
    ("mirror:\n  orders: {version: v2, percentage: 5, methods: [PlaceOrder]}", 2, "may not be repeated"),
    ("mirror:\n  orders: {version: v2, percentage: 5, methods: [WatchOrder]}", 2, "`WatchOrder` is a stream"),
    (
        'mirror:\n  orders: {version: v2, percentage: 0.00001, methods: "*"}',
        2,
        "a number above 0 and up to 100",
    ),
    ('mirror:\n  orders: {version: v2, methods: "*"}', 2, "`mirror.orders` lacks `percentage`"),
    ("faults:\n  - {to: inventory, percentage: 5}", 2, "a fault has `delay` or `abort` or both; it has none"),
    ("faults:\n  - {to: inventory, delay: 50ms}", 2, "an entry of `faults` lacks `percentage`"),
    ("faults:\n  - {to: inventory, delay: 2m, percentage: 5}", 2, "`delay` is from 1ms to 1m, not 2m"),
    ("faults:\n  - {to: inventory, abort: UNAVAILABEL, percentage: 5}", 2, "did you mean `UNAVAILABLE`?"),
    ("faults:\n  - {to: inventory, abort: OK, percentage: 5}", 2, "`abort` `OK` is not known"),
    ("faults:\n  - {to: inventory, abort: 14, percentage: 5}", 2, "`abort` `14` is not known"),
    ("faults:\n  - {to: inventory, delay: 1s, percentage: 101}", 2, "up to 100"),
    (
        "faults:\n  - {to: inventory, from: analytics, delay: 1s, percentage: 5}",
        2,
        "so this never happens; allow",
    ),
    ("faults:\n  - {to: inventory, methods: [Check], delay: 1s, percentage: 5}", 2, "is a health check"),
    ("faults: none", 1, "`faults` is a list"),
]


@pytest.mark.parametrize(("more", "line", "said"), AT_SHAPING)
def test_a_wrong_shape_is_refused(more: str, line: int, said: str) -> None:
    ((found, text),) = mistakes(f"{START}{more}\n")
    assert found == NEXT - 1 + line
    assert said in text


AT_TELEMETRY = [
    ("access_logs: some", "`access_logs` `some` is not known; known: all, errors, off"),
    ("access_logs: [all]", "`access_logs` is a single value"),
    ("access_log: all", "unknown key `access_log` in `telemetry`; did you mean `access_logs`?"),
    ("traces: 100.5", "`traces` is a number from 0 up to 100, such as 5 or 0.5, not `100.5`"),
    ("traces: -1", "`-1`"),
]


@pytest.mark.parametrize(("line", "said"), AT_TELEMETRY)
def test_a_wrong_value_of_telemetry_is_refused(line: str, said: str) -> None:
    ((found, text),) = mistakes(f"{START}telemetry:\n  {line}\n")
    assert found == NEXT + 1
    assert said in text


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", Telemetry(AccessLogs.ERRORS, 100.0)),
        ("telemetry: {}", Telemetry(AccessLogs.ERRORS, 100.0)),
        ("telemetry: {access_logs: all}", Telemetry(AccessLogs.ALL, 100.0)),
        ("telemetry: {traces: 0}", Telemetry(AccessLogs.ERRORS, 0.0)),
        ("telemetry: {access_logs: off, traces: 0.5}", Telemetry(AccessLogs.OFF, 0.5)),
    ],
)
def test_telemetry_that_is_not_said_is_errors_and_every_trace(more: str, expected: Telemetry) -> None:
    assert policy(more).telemetry == expected


def test_all_mistakes_are_told_at_once_by_line() -> None:
    more = "  orders: {timeout: soon}\nsplit:\n  users: {v1: 1}\n"
    more += "faults:\n  - {to: users, abort: no, percentage: x}\n"
    told = mistakes("allow:\n  - {from: a, to: b, methods: []}\n" + DEFAULTS + more)
    assert [line for line, _ in told] == [2, 2, NEXT, NEXT + 2, NEXT + 4, NEXT + 4]


def test_the_error_reads_as_a_list_of_lines() -> None:
    with pytest.raises(PolicyError) as caught:
        parse(START + "split:\n  users: {v1: 1}\n")
    expected = "the weights of `split.users` add up to 1; they must to 100"
    assert str(caught.value) == f"line {NEXT + 1}: {expected}"


def test_the_two_sections_without_which_nothing_works_are_wanted() -> None:
    assert mistakes("split: {}")[0][1] == "the policy lacks `allow` and `traffic`"
    assert mistakes(ALLOW + "traffic: {}")[0][1] == "`traffic` lacks `defaults`"


def test_defaults_that_are_not_complete_are_told_by_name() -> None:
    text = START.replace("    idle_timeout: 1h\n", "").replace(", requests: 3", "")
    ((_, said),) = mistakes(text)
    assert "lacks `idle_timeout`, `breaker.requests`" in said


def test_a_method_of_the_defaults_is_refused() -> None:
    ((_, said),) = mistakes(START + "    methods: {}\n")
    assert "unknown key `methods` in `traffic.defaults`" in said


def test_a_file_that_is_none_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        load(tmp_path / "none.yaml")
    (tmp_path / "mesh.yaml").write_bytes(b"allow:\n  \xff\n")
    with pytest.raises(PolicyError, match="line 2: these bytes are no text"):
        load(tmp_path / "mesh.yaml")


def test_a_workload_differs_from_the_defaults_in_what_it_says_only() -> None:
    found = policy("  orders: {balancing: random, breaker: {requests: 9}}\n")
    assert found.traffic["orders"].balancing is Balancing.RANDOM
    assert found.traffic["orders"].breaker == Breaker(1, 2, 9)
    assert found.traffic["users"].breaker == Breaker(1, 2, 3)


def test_a_method_differs_from_its_workload_in_what_it_says_only() -> None:
    more = "  orders:\n    timeout: 3s\n    methods:\n      GetOrder: {retries: {attempts: 0}}\n"
    more += "      WatchOrder: {max_duration: 5m}\n      PlaceOrder: {timeout: 1m, retries: {attempts: 0}}\n"
    rules = policy(more).traffic["orders"].methods
    assert (rules["GetOrder"].timeout, rules["GetOrder"].retry_on) == (timedelta(seconds=3), ())
    assert rules["WatchOrder"].max_duration == timedelta(minutes=5)
    assert rules["WatchOrder"].idle_timeout == timedelta(hours=1)
    assert (rules["PlaceOrder"].timeout, rules["PlaceOrder"].attempts) == (timedelta(minutes=1), 0)
    assert rules["ListOrders"].attempts == 2


def test_a_default_number_of_tries_holds_for_placing_an_order_as_far_as_nothing_was_sent() -> None:
    assert policy("").traffic["orders"].methods["PlaceOrder"].retry_on == UNSENT


def test_a_method_that_must_know_what_was_sent_is_repeated_only_if_nothing_was() -> None:
    more = "  orders:\n    methods:\n      GetOrder: {retries: {after: unsent}}\n"
    more += "      ListOrders: {retries: {after: unavailable}}\n"
    more += "      PlaceOrder: {retries: {attempts: 3, after: unsent}}\n"
    rules = policy(more).traffic["orders"].methods
    assert (rules["GetOrder"].attempts, rules["GetOrder"].retry_on) == (2, UNSENT)
    assert rules["ListOrders"].retry_on == rules["CancelOrder"].retry_on == UNSENT + UNANSWERED
    assert (rules["PlaceOrder"].attempts, rules["PlaceOrder"].retry_on) == (3, UNSENT)


def test_a_split_has_weights_by_version() -> None:
    assert policy("split:\n  inventory: {v1: 95, v2: 5, v3: 0}\n").split == {
        "inventory": {"v1": 95, "v2": 5, "v3": 0}
    }


def test_a_route_has_its_headers() -> None:
    (found,) = policy('routes:\n  - {to: inventory, headers: {x-a: "1", x-b: "*"}, version: v2}\n').routes
    assert (found.target, found.source, found.version, found.line) == ("inventory", None, "v2", NEXT + 1)
    assert found.headers == {"x-a": "1", "x-b": None}


def test_a_mirror_of_everything_copies_what_only_reads() -> None:
    found = policy('mirror:\n  inventory: {version: v2, percentage: 0.5, methods: "*"}\n').mirror["inventory"]
    assert {method.name for method in found.methods} == {"GetStock", "GetEventFlow", "ListDeadLetters"}
    assert (found.version, found.percentage) == ("v2", 0.5)


def test_an_idempotent_method_is_mirrored_if_it_is_named() -> None:
    found = policy("mirror:\n  inventory: {version: v2, percentage: 1, methods: [ReserveStock]}\n").mirror
    assert {method.name for method in found["inventory"].methods} == {"ReserveStock"}


FAULTS = """faults:
  - {to: inventory, from: orders, methods: [GetStock], delay: 50ms, percentage: 10}
  - {to: inventory, methods: [GetStock], abort: UNAVAILABLE, percentage: 5}
  - {to: inventory, delay: 200ms, abort: INTERNAL, percentage: 100}
"""


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("orders", "GetStock", Injected(timedelta(milliseconds=50), 10, 14, 5)),
        ("worker", "GetStock", Injected(timedelta(milliseconds=200), 100, 14, 5)),
        ("orders", "ReserveStock", Injected(timedelta(milliseconds=200), 100, 13, 100)),
        ("orders", "Check", None),
    ],
)
def test_the_first_delay_and_the_first_abort_that_fit_are_injected(
    source: str, name: str, expected: Injected | None
) -> None:
    assert policy(FAULTS).injected(source, BY_WORKLOAD["inventory"][name]) == expected


def test_other_workloads_have_no_fault() -> None:
    assert policy(FAULTS).injected("orders", BY_WORKLOAD["users"]["GetPublicKeys"]) is None
