"""The images of a suite in containers, at the versions that the native suite has; and who runs in ours."""

from __future__ import annotations

from ops import kafka_jars

POSTGRES = "postgres:18.6"
KAFKA = f"apache/kafka:{kafka_jars.VERSION}"
TEMPORAL = "temporalio/temporal:1.9.1"
# what the former has in it, as images of their own; a test asks it
TEMPORAL_SERVER = "temporalio/server:1.32.0"
TEMPORAL_ADMIN_TOOLS = "temporalio/admin-tools:1.32.0"
TEMPORAL_UI = "temporalio/ui:2.54.1"
ENVOY = "envoyproxy/envoy:v1.39.1"
COLLECTOR = "grafana/otel-lgtm:0.34.0"
OURS = "${ORDERMESH_IMAGE:-ordermesh}"
CONTROL_PLANE = f"{OURS}-mesh"
TESTS = f"{OURS}-tests"
USER = "10001:10001"
"""One user for all that is ours and for Envoy: they open each other's sockets, which nobody else may."""
