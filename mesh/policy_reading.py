"""Reads envoy/mesh.yaml into a Policy, or refuses it with all its mistakes, by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from yaml import Node

from mesh.methods import BY_WORKLOAD, IDENTITIES, Access, Method, Role, open_to
from mesh.policy import AccessLogs, Allow, Fault, HeaderRoute, Policy, Telemetry
from mesh.policy_edge import EdgeReader
from mesh.policy_nodes import Mistake, PolicyError, items_of, line_of, read, word
from mesh.policy_shaping import ShapingReader
from mesh.policy_traffic import TrafficReader
from mesh.policy_values import Values

SECTIONS = ("allow", "traffic", "split", "routes", "mirror", "faults", "edge", "telemetry")
NEEDED = ("allow", "traffic")


def text_of(path: Path) -> str:
    """What is in a file. Raises PolicyError."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise PolicyError([Mistake(0, f"{path} cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise PolicyError([Mistake(line, "these bytes are no text; save the file as UTF-8")]) from None


def load(path: Path) -> Policy:
    """The policy in a file. Raises PolicyError."""
    return parse(text_of(path))


def parse(text: str) -> Policy:
    """The policy that a text says. Raises PolicyError."""
    document = read(text)
    values = Values()
    sections = values.keys(document, "the policy", SECTIONS, NEEDED)
    allow = tuple(_allow(values, sections["allow"])) if "allow" in sections else ()
    traffic = TrafficReader(values).read(sections["traffic"]) if "traffic" in sections else {}
    shaping = ShapingReader(values)
    policy = Policy(
        allow=allow,
        traffic=traffic,
        split=shaping.split(sections.get("split")),
        routes=tuple(shaping.routes(sections.get("routes"))),
        mirror=shaping.mirror(sections.get("mirror")),
        faults=tuple(shaping.faults(sections.get("faults"))),
        telemetry=_telemetry(values, sections.get("telemetry")),
        edge=EdgeReader(values).read(sections.get("edge")),
    )
    if not values.mistakes:
        _check_sources(policy, values.mistakes)
    if values.mistakes:
        raise PolicyError(values.mistakes)
    return policy


def _allow(values: Values, node: Node) -> Iterator[Allow]:
    seen: dict[tuple[str, str], int] = {}
    for item in values.items(node, "`allow`"):
        keys = values.keys(item, "an entry of `allow`", ("from", "to", "methods"), ("from", "to", "methods"))
        source = values.identity(keys["from"], "`from`") if "from" in keys else None
        target = values.server(keys["to"], "`to`") if "to" in keys else None
        if not source or not target or "methods" not in keys:
            continue
        line = line_of(item)
        if source == target:
            values.wrong(item, f"{source} does not call itself through the mesh; remove the entry")
        if (source, target) in seen:
            earlier = f"line {seen[source, target]} allows calls from {source} to {target} already"
            values.wrong(item, f"{earlier}; add the methods there")
        seen[source, target] = line
        yield Allow(source, target, _granted(values, keys["methods"], source, target), line)


def _granted(values: Values, node: Node, source: str, target: str) -> frozenset[Method]:
    named = values.methods(node, target)
    if named is None:
        found = frozenset(m for m in BY_WORKLOAD[target].values() if open_to(source, m) and not m.is_health)
        if not found:
            values.wrong(
                node, f"no method of {target} is open to {IDENTITIES[source].value}; remove the entry"
            )
        return found
    named_at = {word(item): item for item in items_of(node)}
    for method in named:
        if not open_to(source, method):
            text = f"{source} may never call `{method.name}`: {_why(source, method)}"
            values.wrong(named_at[method.name], text)
    return named


def _why(source: str, method: Method) -> str:
    if method.access is Access.UNSPECIFIED:
        return "its proto declares no access"
    return (
        f"its proto says ACCESS_{method.access.name}, and {source} is {IDENTITIES[source].value}; remove it"
    )


def _telemetry(values: Values, node: Node | None) -> Telemetry:
    keys = values.keys(node, "`telemetry`", ("access_logs", "traces")) if node else {}
    found = Telemetry()
    if "access_logs" in keys and (kind := values.choice(keys["access_logs"], "`access_logs`", AccessLogs)):
        found = replace(found, access_logs=kind)
    if "traces" in keys:
        found = replace(found, traces=values.percentage(keys["traces"], "`traces`", zero=True))
    return found


def _check_sources(policy: Policy, mistakes: list[Mistake]) -> None:
    """A fault or route for calls that are not allowed would never be seen to work."""
    entries: tuple[Fault | HeaderRoute, ...] = (*policy.faults, *policy.routes)
    for entry in entries:
        if entry.source and not any(entry.source in policy.callers(method) for method in entry.methods):
            text = f"{entry.source} may call none of these methods of {entry.target}, so this never happens"
            mistakes.append(Mistake(entry.line, f"{text}; allow the call, or name another caller"))
    for method, limit in policy.edge.limits.methods.items():
        if not any(IDENTITIES[name] is Role.EDGE for name in policy.callers(method)):
            text = f"the edge does not let `{method.name}` of {method.workload} in, so it needs no limit"
            mistakes.append(Mistake(limit.line, f"{text}; remove it, or allow the call"))
