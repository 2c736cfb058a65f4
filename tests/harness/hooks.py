"""A receiver of webhooks beside the suite: it answers challenges, can fail, and keeps what it took."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc

from ops.client import Metadata
from ordermesh.notifications.v1 import webhooks_service_pb2 as pb
from ordermesh.notifications.v1 import webhooks_service_pb2_grpc

SECONDS = 15.0


class Hooks:
    """One receiver, and the calls by which an account has its events sent there."""

    def __init__(self, channel: grpc.Channel, port: int) -> None:
        self.stub: Any = webhooks_service_pb2_grpc.WebhooksServiceStub(channel)
        self.url = f"http://127.0.0.1:{port}/"
        self.status = 200
        self.taken: list[tuple[str, Any]] = []
        """The id and the JSON of each message that was answered with 2xx."""

    def create(self, caller: Metadata, *types: str) -> Any:
        """Register it; the answer."""
        request = pb.CreateWebhookEndpointRequest(
            request_id=str(uuid.uuid4()), url=self.url, event_types=types
        )
        return self.stub.CreateWebhookEndpoint(request, metadata=caller, timeout=SECONDS)

    def active(self, caller: Metadata, *types: str) -> str:
        """Register and verify it; the endpoint's id."""
        endpoint_id = str(self.create(caller, *types).endpoint.endpoint_id)
        request = pb.VerifyWebhookEndpointRequest(request_id=str(uuid.uuid4()), endpoint_id=endpoint_id)
        self.stub.VerifyWebhookEndpoint(request, metadata=caller, timeout=SECONDS)
        return endpoint_id

    def told_of(self, order_id: str) -> list[tuple[int, str]]:
        """Version and type of what was taken about an order, in the order in which it came."""
        return [
            (message["data"]["version"], message["type"])
            for _, message in list(self.taken)
            if message["data"].get("order_id") == order_id
        ]


@contextmanager
def hooks(channel: grpc.Channel) -> Iterator[Hooks]:
    """A receiver for the time of a block."""
    found: list[Hooks] = []

    class Handler(BaseHTTPRequestHandler):
        """Answers as its receiver is told."""

        def do_POST(self) -> None:
            """One message."""
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status = found[0].status
            body = json.dumps({"challenge": message["data"].get("challenge")}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if status == 200:
                found[0].taken.append((self.headers["webhook-id"], message))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.append(Hooks(channel, server.server_port))
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield found[0]
    finally:
        server.shutdown()
        server.server_close()
