"""Golden metrics of the mesh: calls, failures, second tries and time of every pair of workloads.

A sidecar counts the calls of its own application, one line for every workload that it calls. Numbers are
since the sidecar began; times are of what was answered, in milliseconds, and some seconds old.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ops.topology import HTTP

_COUNTED = (
    r"grpc\.success",
    r"grpc\.failure",
    "upstream_rq_completed",
    "upstream_rq_5xx",
    "upstream_rq_retry",
    "upstream_rq_tx_reset",
)
_NAME = re.compile(rf"cluster\.(?P<callee>[a-z0-9-]+)\.(?P<what>upstream_rq_time|{'|'.join(_COUNTED)})")
STATS = "/stats?format=json&usedonly&filter=" + quote(
    f"^{_NAME.pattern.replace('?P<callee>', '').replace('?P<what>', '')}$"
)
"""What a sidecar's admin is asked."""


@dataclass(frozen=True)
class Pair:
    """One workload's calls of another. Without an answer there are no times.

    `calls` came to an end with a status, `failed` with another one than OK; to a part that speaks HTTP, with
    one of 5xx. `broken_off` counts tries that
    this side has reset: the time was up, or the caller gave up and wanted no status any more.
    """

    caller: str
    callee: str
    calls: int
    failed: int
    retried: int
    broken_off: int
    p50_ms: float | None
    p99_ms: float | None


def pairs(caller: str, stats: Mapping[str, Any]) -> list[Pair]:
    """What a sidecar's stats say, in the order of the callees; whom it never called is left out."""
    counts: dict[str, dict[str, int]] = {}
    times: dict[str, dict[float, float]] = {}
    for stat in stats["stats"]:
        if "histograms" in stat:
            times |= _times(stat["histograms"])
        elif found := _NAME.fullmatch(stat["name"]):
            counts.setdefault(found["callee"], {})[found["what"]] = int(stat["value"])
    return [_pair(caller, callee, counts[callee], times.get(callee, {})) for callee in sorted(counts)]


def _pair(caller: str, callee: str, counts: Mapping[str, int], times: Mapping[float, float]) -> Pair:
    if callee in HTTP:
        calls, failed = counts.get("upstream_rq_completed", 0), counts.get("upstream_rq_5xx", 0)
    else:
        failed = counts.get("grpc.failure", 0)
        calls = counts.get("grpc.success", 0) + failed
    return Pair(
        caller=caller,
        callee=callee,
        calls=calls,
        failed=failed,
        retried=counts.get("upstream_rq_retry", 0),
        broken_off=counts.get("upstream_rq_tx_reset", 0),
        p50_ms=times.get(50),
        p99_ms=times.get(99),
    )


def _times(histograms: Mapping[str, Any]) -> dict[str, dict[float, float]]:
    """By callee: quantile in percent → milliseconds, of all that there was."""
    found = {}
    quantiles = histograms.get("supported_quantiles", ())
    for computed in histograms.get("computed_quantiles", ()):
        if name := _NAME.fullmatch(computed["name"]):
            values = zip(quantiles, computed["values"], strict=True)
            found[name["callee"]] = {
                quantile: value["cumulative"] for quantile, value in values if value["cumulative"] is not None
            }
    return found
