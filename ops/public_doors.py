"""What only the public entry has at its doors: browsers, REST, tokens, and errors that HTTP clients read."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any

import yaml

from ops import edge_tokens, local_replies

TRACEPARENT = "traceparent"
_BEGUN = (
    "%CEL(re.extract(request.headers['x-request-id'], '^(.{8})-(.{4})-(.{4})-(.{4})-(.{12})$',"
    " '00-\\\\1\\\\2\\\\3\\\\4\\\\5-\\\\4\\\\5-00'))%"
)
"""A trace that nobody records, made of the id that Envoy draws for each request. Where there is a collector,
Envoy puts its own in this place for what it sends on.
"""


def furnish(root: Path, manager: dict[str, Any]) -> None:
    """Add it to a door of the public entry."""
    from mesh.methods import PUBLIC
    from mesh.rest import API

    text = Template((root / "envoy" / "public.yaml").read_text()).substitute(
        descriptor=json.dumps(str(root / "protos" / "gen" / "edge.binpb")),
        services=json.dumps(sorted(PUBLIC)),
        api=API,
    )
    first, *others = manager["http_filters"]
    manager["http_filters"] = [
        first,
        *yaml.safe_load(text)["http_filters"],
        edge_tokens.verification(),
        _limits(),
        *others,
    ]
    manager["local_reply_config"] = local_replies.config(API)
    first["typed_config"]["mutations"]["request_mutations"].append(_begin_trace())


def _limits() -> dict[str, Any]:
    """How many calls a client may make comes with the routes (mesh/rate_limits.py)."""
    from mesh.rate_limits import FILTER

    kind = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
    return {"name": FILTER, "typed_config": {"@type": kind, "stat_prefix": "edge"}}


def _begin_trace() -> dict[str, Any]:
    """Every call has a trace id by which its error and the log lines about it are found."""
    header = {"key": TRACEPARENT, "value": _BEGUN}
    return {"append": {"header": header, "append_action": "ADD_IF_ABSENT"}}
