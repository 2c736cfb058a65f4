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

from ops.compose import services, site, volumes
from ops.compose.blocks import BLOCKS
from ops.site import Site

PATH = Path(__file__).resolve().parent.parent.parent / "compose.yaml"
HEAD = """\
# The suite in containers: `make up RUNTIME=compose`, or plain `docker compose up --detach`.
#
# Written by `make generate` from ops/topology.py, as every process of the native suite is; do not edit it.
# What stands where: docs/adr/0023-the-suite-in-containers.md.
#
# No secret stands here: `setup` makes them, and gives each part a plan in a volume that no other part sees.
# Beside each application stands its sidecar, in one network that a third container, the pod, holds for both.
# Profiles: tools (what `make` runs its commands in), scaled (one more of each service), observability
# (say OTLP=otel-lgtm:4317 too). Ports that are open outside: PORT_EDGE, PORT_EDGE_TLS, PORT_OPERATOR and
# PORT_TEMPORAL_UI.

name: ordermesh
"""
_REFERENCE = re.compile(r"'?(<<|volumes)'?: ref @([\w-]+)")


def document(where: Site) -> str:
    """The whole file."""
    everything = [mount.said() for mount in volumes.of_tools(where)]
    parts = [HEAD]
    parts.append(
        f"# all that is prepared, for who prepares it\nx-everything: &everything\n{_indented(everything)}"
    )
    for name, (comment, block) in BLOCKS.items():
        parts.append(f"# {comment}\nx-{name}: &{name}\n{_indented(block)}")
    parts.append("services:\n" + "\n".join(_services(where)))
    parts.append(_dump({"networks": {"default": None}}))
    parts.append(_dump({"configs": {name: {"file": path} for name, path in services.FILES.items()}}))
    parts.append(_dump({"volumes": dict.fromkeys(volumes.all_names(where))}))
    return "\n".join(parts)


def _services(where: Site) -> Iterator[str]:
    for name, service in services.every(where).items():
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
    """Everything is written out; what is shared has a name that we gave it."""

    def ignore_aliases(self, data: Any) -> bool:
        """No names of PyYAML's own."""
        return True


def _list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    """Words in one line, as a person writes them; mounts and mappings each in its own."""
    words = all(not isinstance(one, dict) and ":/" not in str(one) for one in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=words or len(data) == 1)


def _nothing(dumper: yaml.SafeDumper, _: None) -> yaml.Node:
    """An empty value."""
    return dumper.represent_scalar("tag:yaml.org,2002:null", "")


_Dumper.add_representer(list, _list)
_Dumper.add_representer(type(None), _nothing)


def main(arguments: list[str]) -> int:
    """Write the file, or compare it."""
    text = document(site.described(site.seconds()))
    if "--check" not in arguments:
        PATH.write_text(text)
        return 0
    if PATH.is_file() and PATH.read_text() == text:
        return 0
    print("compose.yaml is not what ops/topology.py says: make generate")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
