"""A policy as tests want it: complete, with a little of everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mesh.methods import BY_WORKLOAD, SERVERS, Method
from mesh.policy import (
    Allow,
    Balancing,
    Breaker,
    Fault,
    HeaderRoute,
    HealthCheck,
    MethodTraffic,
    Mirror,
    Outliers,
    Policy,
    RetryAfter,
    RetryBudget,
    Traffic,
)

RESERVE = BY_WORKLOAD["inventory"]["ReserveStock"]
RELEASE = BY_WORKLOAD["inventory"]["ReleaseStock"]
GET_PRODUCTS = BY_WORKLOAD["products"]["BatchGetProducts"]


def traffic(workload: str) -> Traffic:
    """Calls to one workload, each method with the same."""
    return Traffic(
        connect_timeout=timedelta(seconds=1),
        balancing=Balancing.LEAST_REQUEST,
        budget=RetryBudget(percent=20, min_concurrency=1),
        breaker=Breaker(connections=100, pending=100, requests=1000),
        outliers=Outliers(5, timedelta(seconds=1), timedelta(seconds=2), 50),
        health_check=HealthCheck(timedelta(seconds=1), timedelta(seconds=1), 2, 1),
        methods={method.name: of(method) for method in BY_WORKLOAD[workload].values()},
    )


def of(method: Method) -> MethodTraffic:
    after = RetryAfter.UNAVAILABLE if method.repeatable else RetryAfter.UNSENT
    if method.streams:
        return MethodTraffic(method, None, timedelta(minutes=5), timedelta(hours=1), 1, after)
    return MethodTraffic(method, timedelta(seconds=5), None, None, 2, after)


def policy(*extra: Allow) -> Policy:
    """Orders may reserve and read products; one fault, one split, one header route, one mirror."""
    allowed = (
        Allow("orders", "inventory", frozenset({RESERVE}), 1),
        Allow("orders", "products", frozenset({GET_PRODUCTS}), 2),
        *extra,
    )
    return Policy(
        allow=allowed,
        traffic={workload: traffic(workload) for workload in SERVERS},
        split={"inventory": {"v1": 90, "v2": 10}},
        routes=(HeaderRoute("inventory", "orders", frozenset({RESERVE}), {"x-canary": "yes"}, "v2", 3),),
        mirror={"products": Mirror("products", "v2", 12.5, frozenset({GET_PRODUCTS}), 4)},
        faults=(Fault("inventory", "orders", frozenset({RESERVE}), timedelta(milliseconds=50), 14, 5.0, 5),),
    )


def without_extras(found: Policy) -> Policy:
    """The same, plain."""
    return replace(found, split={}, routes=(), mirror={}, faults=())
