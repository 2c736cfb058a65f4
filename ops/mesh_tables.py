"""What `make mesh` shows, as rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from mesh.methods import BY_WORKLOAD, IDENTITIES, Method
from mesh.policy import Fault, Policy
from ops.mesh_metrics import Pair
from ordermesh.mesh.v1 import mesh_pb2
from ordermesh.mesh.v1 import mesh_service_pb2 as pb

Row = tuple[object, ...]
STATUSES = {code.value[0]: code.name for code in StatusCode}


def proxies(found: Iterable[mesh_pb2.Proxy]) -> list[Row]:
    """One row a proxy."""
    rows: list[Row] = [("proxy", "workload", "version", "called at", "stream", "in step")]
    for one in found:
        stream = "connected" if one.connected else f"away since {_time(one.away_time)}"
        if one.draining:
            stream += f", drains until {_time(one.readmit_time)}"
        rows.append(
            (one.node_id, one.workload, one.version or "-", one.address or "-", stream, _in_step(one))
        )
    return rows


def certificates(found: Iterable[mesh_pb2.Certificate]) -> list[Row]:
    """One row a certificate."""
    rows: list[Row] = [("proxy", "identity", "serial", "valid until", "renewed at", "root")]
    for one in found:
        until, renewed = _time(one.expire_time), _time(one.renew_time)
        rows.append((one.node_id, one.spiffe_id, one.serial_number[:12], until, renewed, one.root_id[:12]))
    return rows


def roots(found: pb.ListCertificatesResponse) -> list[Row]:
    """One row a root."""
    rows: list[Row] = [("root", "valid until", f"rotation: {_state(found.rotation_state)}")]
    rows += [
        (one.root_id[:12], _day(one.expire_time), "signs" if one.issuing else "trusted")
        for one in found.roots
    ]
    return rows


def step(told: pb.RotateRootResponse) -> str:
    """One step of a rotation in a line."""
    behind = f"; not yet: {', '.join(told.behind_node_ids)}" if told.behind_node_ids else ""
    return f"{_state(told.state):<8} {'acknowledged by every proxy' if told.acknowledged else 'told'}{behind}"


def mistakes(state: pb.GetPolicyStateResponse) -> list[str]:
    """What is wrong with the policy's file."""
    return [f"  line {one.line}: {one.description}" for one in state.mistakes]


def routes(policy: Policy, source: str, to: str) -> list[Row]:
    """One row a method that anybody may call: by whom and how."""
    rows: list[Row] = [("callee", "method", "callers", "timeout", "tries", "again after", "besides")]
    for callee, methods in BY_WORKLOAD.items():
        if to not in ("", callee):
            continue
        for method in methods.values():
            callers = sorted(policy.callers(method))
            if method.is_health or not callers or (source and source not in callers):
                continue
            how = policy.traffic[callee].methods[method.name]
            timeout = f"{how.timeout.total_seconds():g} s" if how.timeout else "stream"
            again = ", ".join(how.retry_on) or "-"
            besides = "; ".join(_besides(policy, method)) or "-"
            rows.append((callee, method.name, ", ".join(callers), timeout, 1 + how.attempts, again, besides))
    return rows


def allowed(policy: Policy) -> list[Row]:
    """One row a pair of caller and callee."""
    rows: list[Row] = [("caller", "callee", "methods")]
    for caller in IDENTITIES:
        for callee in policy.callees(caller):
            may = [
                name
                for name, method in BY_WORKLOAD[callee].items()
                if not method.is_health and policy.allowed(caller, callee, method.path)
            ]
            rows.append((caller, callee, ", ".join(may)))
    return rows


def splits(policy: Policy) -> list[Row]:
    """One row a service whose calls are shared between versions."""
    rows: list[Row] = [("service", "shares")]
    rows += [(name, _shares(policy, name)) for name in policy.split]
    return rows if policy.split else [("nothing is split",)]


def faults(policy: Policy) -> list[Row]:
    """One row a fault that is injected."""
    rows: list[Row] = [("callee", "caller", "methods", "what", "percent")]
    for one in policy.faults:
        methods = ", ".join(sorted(method.name for method in one.methods))
        rows.append((one.target, one.source or "anybody", methods, _injected(one), f"{one.percentage:g}"))
    return rows if policy.faults else [("nothing is injected",)]


def metrics(found: Iterable[Pair]) -> list[Row]:
    """One row a pair of caller and callee that has made calls."""
    rows: list[Row] = [
        ("caller", "callee", "calls", "failed", "tried again", "broken off", "p50 ms", "p99 ms")
    ]
    for one in found:
        counts = (one.calls, one.failed, one.retried, one.broken_off)
        rows.append((one.caller, one.callee, *counts, _rounded(one.p50_ms), _rounded(one.p99_ms)))
    return rows if len(rows) > 1 else [("no calls yet",)]


def _rounded(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _besides(policy: Policy, method: Method) -> Iterator[str]:
    if method.workload in policy.split:
        yield f"split {_shares(policy, method.workload)}"
    for rule in policy.routes:
        if rule.target == method.workload and method in rule.methods:
            headers = ", ".join(f"{name}: {value or '*'}" for name, value in rule.headers.items())
            yield f"{headers} → {rule.version}"
    mirror = policy.mirror.get(method.workload)
    if mirror and method in mirror.methods:
        yield f"mirrored to {mirror.version} ({mirror.percentage:g} %)"
    for one in policy.faults:
        if method in one.methods:
            yield f"{_injected(one)} of {one.percentage:g} % from {one.source or 'anybody'}"


def _shares(policy: Policy, name: str) -> str:
    return ", ".join(f"{version} {weight} %" for version, weight in policy.split[name].items())


def _injected(one: Fault) -> str:
    delay = [f"delay {one.delay.total_seconds() * 1e3:g} ms"] if one.delay else []
    abort = [f"abort {STATUSES[one.abort]}"] if one.abort is not None else []
    return " and ".join(delay + abort)


def _in_step(one: mesh_pb2.Proxy) -> str:
    refused = [f"refuses {state.type}: {state.refusal}" for state in one.resources if state.refusal]
    if refused:
        return "; ".join(refused)
    if not one.connected:
        return "-"
    behind = [state.type for state in one.resources if not state.in_step]
    return "yes" if one.in_step else f"not yet: {', '.join(behind)}"


def _state(rotation: mesh_pb2.RotationState.ValueType) -> str:
    return mesh_pb2.RotationState.Name(rotation).removeprefix("ROTATION_STATE_").lower()


def _time(moment: Timestamp) -> str:
    return f"{moment.ToDatetime(tzinfo=UTC).astimezone():%H:%M:%S}"


def _day(moment: Timestamp) -> str:
    found: datetime = moment.ToDatetime(tzinfo=UTC)
    return f"{found:%Y-%m-%d}"
