"""Calls the EventsService of one service after the other, at the operator's entry, with olga's token."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import grpc

from ops import client, topology
from ops.client import Metadata
from ops.errors import SuiteError
from ops.suite import Suite
from ordermesh.events.v1 import events_pb2, events_service_pb2_grpc
from ordermesh.events.v1 import events_service_pb2 as pb

OPERATOR = "olga"
PART_HEADER = "ordermesh-part"
"""Which of the services that all serve EventsService is meant."""
PAGE = 100
REDRIVE_SECONDS = 60.0
"""A whole key is handled; what does not get done in time goes on with the next try."""


def names(services: Mapping[str, Sequence[str]] = topology.SERVICES) -> list[str]:
    """The services that publish or consume events: those with the broker among their peers."""
    return [name for name, peers in services.items() if "kafka" in peers]


@contextmanager
def all_parts(suite: Suite) -> Iterator[list[EventPart]]:
    """Every one of them, ready to be called. Raises SuiteError when the suite or the sign-in is down."""
    with client.operator(suite) as channel:
        who = client.bearer(client.sign_in(channel, OPERATOR))
        yield [EventPart(name, channel, who) for name in names()]


class EventPart:
    """One service that serves EventsService. Every call raises SuiteError with what was answered."""

    def __init__(self, name: str, channel: grpc.Channel, who: Metadata) -> None:
        self.name = name
        self._stub = events_service_pb2_grpc.EventsServiceStub(channel)
        self._metadata: Metadata = (*who, (PART_HEADER, name))

    def flow(self) -> pb.GetEventFlowResponse:
        """What waits to be sent, and what its consumers have done."""
        with self._answering():
            return self._stub.GetEventFlow(
                pb.GetEventFlowRequest(), metadata=self._metadata, timeout=client.CALL_SECONDS
            )

    def dead_letters(self, settled: bool) -> list[events_pb2.DeadLetter]:
        """All that are parked, or with `settled` all there ever were."""
        found: list[events_pb2.DeadLetter] = []
        request = pb.ListDeadLettersRequest(page_size=PAGE, settled=settled)
        while True:
            with self._answering():
                page = self._stub.ListDeadLetters(
                    request, metadata=self._metadata, timeout=client.CALL_SECONDS
                )
            found += page.dead_letters
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def redrive(self, dead_letter_id: str) -> pb.RedriveDeadLettersResponse:
        """Handle all parked records of this one's key again."""
        request = pb.RedriveDeadLettersRequest(request_id=str(uuid.uuid4()), dead_letter_id=dead_letter_id)
        with self._answering():
            return self._stub.RedriveDeadLetters(request, metadata=self._metadata, timeout=REDRIVE_SECONDS)

    def drop(self, dead_letter_id: str) -> events_pb2.DeadLetter:
        """Give one up."""
        request = pb.DropDeadLetterRequest(request_id=str(uuid.uuid4()), dead_letter_id=dead_letter_id)
        with self._answering():
            return self._stub.DropDeadLetter(
                request, metadata=self._metadata, timeout=client.CALL_SECONDS
            ).dead_letter

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            raise SuiteError(f"{self.name}: {client.refusal(error)}") from error
