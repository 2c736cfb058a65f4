"""compose.yaml itself, and what may be read over it: written from the topology, compared by `make check`.

python -m ops.compose.document            write them
python -m ops.compose.document --check    exit 1 if they are not what the topology says
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ops.compose import services, site, temporal, temporal_plan, volumes
from ops.compose.blocks import BLOCKS, Service
from ops.site import Site

ROOT = Path(__file__).resolve().parent.parent.parent
PATH, PRODUCTION_LIKE = ROOT / "compose.yaml", ROOT / "deploy" / "production-like.yaml"
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
HEAD_PRODUCTION_LIKE = """\
# Temporal as it is run in production: the server on PostgreSQL, with its schema's job and the UI on its own.
# `make up RUNTIME=compose TEMPORAL=production-like`, or plain
# `docker compose -f compose.yaml -f deploy/production-like.yaml up --detach`, on a suite that is new.
#
# Written by `make generate` from ops/topology.py; do not edit it.
"""
_REFERENCE = re.compile(r"'?(<<|volumes)'?: ref @([\w-]+)")


def document(where: Site) -> str:
    """The whole file."""
    everything = [mount.said() for mount in volumes.of_tools(where)]
    parts = [HEAD]
    parts.append(
        f"# all that is prepared, for who prepares it\nx-everything: &everything\n{_indented(everything)}"
    )
    parts.extend(_block(name) for name in BLOCKS)
    parts.append("services:\n" + "\n".join(_services(services.every(where))))
    parts.append(_dump({"networks": {"default": None}}))
    parts.append(_dump({"configs": {name: {"file": path} for name, path in services.FILES.items()}}))
    parts.append(_dump({"volumes": dict.fromkeys(volumes.all_names(where))}))
    return "\n".join(parts)


def production_like(where: Site) -> str:
    """What is read over compose.yaml. Aliases of YAML do not cross files: it has the blocks that it uses."""
    used = ("hardened", "soon", "later", "part", "once", "pod")
    parts = [HEAD_PRODUCTION_LIKE, *(_block(name) for name in used)]
    parts.append("services:\n" + "\n".join(_services(temporal.over(where))))
    parts.append(_dump({"volumes": {temporal_plan.laid(where).volume: None}}))
    return "\n".join(parts)


def _block(name: str) -> str:
    comment, block = BLOCKS[name]
    return f"# {comment}\nx-{name}: &{name}\n{_indented(block)}"


def _services(found: Mapping[str, Service]) -> Iterator[str]:
    for name, service in found.items():
        yield _indented({name: service})


def _indented(value: Any) -> str:
    return "".join(f"  {line}\n" for line in _dump(value).splitlines())


def _dump(value: Any) -> str:
    text = yaml.dump(_referring(value), Dumper=_Dumper, sort_keys=False, width=118, allow_unicode=True)
    return _REFERENCE.sub(r"\1: *\2", text)


def _referring(value: Any) -> Any:
    """With `<<` and a list that is shared marked as references."""
    if isinstance(value, dict):
        return type(value)(
            (key, f"ref @{found}" if key == "<<" or found == "everything" else _referring(found))
            for key, found in value.items()
        )
    return [_referring(one) for one in value] if isinstance(value, list) else value


class _Dumper(yaml.SafeDumper):
    """Everything is written out; what is shared has a name that we gave it."""

    def ignore_aliases(self, data: Any) -> bool:
        """No names of PyYAML's own."""
        return True


def _list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    """Words in one line, as a person writes them; mounts and mappings each in its own."""
    words = all(not isinstance(one, dict) and ":/" not in str(one) and "\n" not in str(one) for one in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=words or len(data) == 1)


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    """A script as its lines."""
    style = "|" if "\n" in data else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


def _instead(dumper: yaml.SafeDumper, data: temporal.Instead) -> yaml.Node:
    """With compose's word for what is not merged."""
    return dumper.represent_mapping("!override", data)


def _nothing(dumper: yaml.SafeDumper, _: None) -> yaml.Node:
    """An empty value."""
    return dumper.represent_scalar("tag:yaml.org,2002:null", "")


_Dumper.add_representer(list, _list)
_Dumper.add_representer(str, _text)
_Dumper.add_representer(type(None), _nothing)
_Dumper.add_representer(temporal.Instead, _instead)


def main(arguments: list[str]) -> int:
    """Write the files, or compare them."""
    where = site.described(site.seconds())
    texts = {PATH: document(where), PRODUCTION_LIKE: production_like(where)}
    if "--check" not in arguments:
        for path, text in texts.items():
            path.write_text(text)
        return 0
    different = [path for path, text in texts.items() if not path.is_file() or path.read_text() != text]
    for path in different:
        print(f"{path.relative_to(ROOT)} is not what ops/topology.py says: make generate")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
