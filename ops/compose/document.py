"""compose.yaml itself: written from the topology, compared by `make check`.

    python -m ops.compose.document            write it
    python -m ops.compose.document --check    exit 1 if it is not what the topology says
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ops import topology
from ops.compose import images, limits, services, site, volumes
from ops.compose.services import Service
from ops.part import ProbeKind
from ops.site import Site

PATH = Path(__file__).resolve().parent.parent.parent / "compose.yaml"
HEAD = """\
# The suite in containers: `make up RUNTIME=compose`, or plain `docker compose up --detach`.
#
# Written by `make generate` from ops/topology.py, as every process of the native suite is; do not edit it.
# What stands where: docs/adr/0023-the-suite-in-containers.md.
#
# No secret stands here: `setup` makes them, and gives each part a plan of its own in a volume that nobody else sees.
# Beside each application stands its sidecar, in one network that a third container, the pod, holds for both.

name: ordermesh
"""
HARDENED: Service = {
    "restart": "unless-stopped",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "pids_limit": 512,
    "logging": {"driver": "json-file", "options": {"max-size": "5m", "max-file": "3"}},
}
ROOT = str(site.ROOT)
TMP = ["/tmp"]  # noqa: S108 - of the container
BLOCKS: Mapping[str, tuple[str, Service]] = {
    "hardened": ("what all containers have in common", HARDENED),
    "server": ("an engine that the services stand on", {"<<": "hardened"}),
    "envoy": (
        "an Envoy: a sidecar, or an entry",
        {
            "<<": "hardened",
            "image": images.ENVOY,
            "user": images.USER,
            "working_dir": ROOT,
            "tmpfs": TMP,
            "mem_limit": limits.SIDECAR,
        },
    ),
    "pod": (
        "holds a network, and does nothing",
        {
            "<<": "hardened",
            "image": images.ENVOY,
            "user": images.USER,
            "entrypoint": ["sleep", "infinity"],
            "stop_signal": "SIGKILL",
            "mem_limit": limits.POD,
        },
    ),
    "part": (
        "a Python part; its command picks which",
        {
            "<<": "hardened",
            "image": images.OURS,
            "user": images.USER,
            "tmpfs": TMP,
            "mem_limit": limits.PART,
        },
    ),
    "control-plane": (
        "the same image with Envoy's program, which sees a change of the policy first",
        {"<<": "part", "image": images.CONTROL_PLANE},
    ),
    "once": (
        "runs at each start, comes to its end, and is harmless when repeated",
        {"<<": "part", "restart": "on-failure", "mem_limit": limits.ONCE},
    ),
    "soon": ("somebody waits for it", {"interval": "5s", "timeout": "5s", "retries": 24}),
    "later": (
        "a look now and then; each costs the start of a program",
        {"interval": "30s", "timeout": "10s", "retries": 3},
    ),
}
_REFERENCE = re.compile(r"'?(<<|volumes)'?: ref @([\w-]+)")


def document(where: Site) -> str:
    """The whole file."""
    parts = [HEAD]
    for name, (comment, block) in BLOCKS.items():
        parts.append(f"# {comment}\nx-{name}: &{name}\n{_indented(block)}")
    everything = [mount.said() for mount in volumes.of_tools(where)]
    parts.append(f"# all that is prepared, for who prepares it\nx-everything: &everything\n{_indented(everything)}")
    parts.append("services:\n" + "\n".join(_services(where)))
    parts.append(_dump({"networks": {"default": None}}))
    parts.append(_dump({"configs": {name: {"file": path} for name, path in services.FILES.items()}}))
    parts.append(_dump({"volumes": dict.fromkeys(volumes.all_names(where))}))
    return "\n".join(parts)


def all_services(where: Site) -> dict[str, Service]:
    """Every service by name, in the order of the file: what is done once, the servers, the mesh, the rest."""
    found = services.once(where)
    pods = {one.name: one for one in topology.with_sidecars(where)}
    for part in topology.all_parts(where):
        if part.name in volumes.SERVERS:
            found[part.name] = services.server(where, part)
        elif part.probe in (ProbeKind.SIDECAR, ProbeKind.ENVOY):
            found[part.name] = services.envoy(where, part)
        else:
            if part.name in pods:
                found[f"{part.name}-pod"] = services.pod(where, pods[part.name])
            found[part.name] = services.python(where, part)
    return found


def _services(where: Site) -> Iterator[str]:
    for name, service in all_services(where).items():
        yield _indented({name: service})


def _indented(value: Any) -> str:
    return "".join(f"  {line}\n" for line in _dump(value).splitlines())


def _dump(value: Any) -> str:
    text = yaml.dump(_referring(value), Dumper=_Dumper, sort_keys=False, width=118, allow_unicode=True)
    return _REFERENCE.sub(r"\1: *\2", text)


def _referring(value: Any) -> Any:
    """With `<<` and a list that is shared marked as references."""
    if isinstance(value, Mapping):
        return {
            key: f"ref @{found}" if key == "<<" or found == "everything" else _referring(found)
            for key, found in value.items()
        }
    return [_referring(one) for one in value] if isinstance(value, list) else value


class _Dumper(yaml.SafeDumper):
    """Short lists in one line, as a person writes them; nothing for nothing."""

    def represent_list(self, data: list[Any]) -> yaml.Node:
        """In one line if it fits."""
        words = all(not isinstance(one, dict) and ":/" not in str(one) for one in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=words or len(data) == 1)

    def represent_nothing(self, _: None) -> yaml.Node:
        """An empty value."""
        return self.represent_scalar("tag:yaml.org,2002:null", "")

    def ignore_aliases(self, data: Any) -> bool:
        """Everything is written out; what is shared has a name that we gave it."""
        return True


_Dumper.add_representer(list, _Dumper.represent_list)
_Dumper.add_representer(type(None), _Dumper.represent_nothing)


def main(arguments: list[str]) -> int:
    """Write the file, or compare it."""
    text = document(site.described())
    if "--check" not in arguments:
        PATH.write_text(text)
        return 0
    if PATH.is_file() and PATH.read_text() == text:
        return 0
    print("compose.yaml is not what ops/topology.py says: make generate")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
