"""Render the edge's Envoy configuration: the committed template with one suite's ports."""

from __future__ import annotations

from string import Template

from ops.site import Site


def render(site: Site) -> str:
    """The bootstrap for this suite; KeyError if the template names a port that does not exist."""
    template = Template((site.root / "envoy" / "edge.yaml").read_text())
    return template.substitute({name: str(port) for name, port in site.ports.items()})
