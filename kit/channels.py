"""Calls to other services: one long-lived channel a peer, plain gRPC.

Encryption, retries and circuit breaking are the sidecar's. What a call passes on is the trace and what
is left of the deadline; the user's token only where the caller acts for a user. What it raises says whether
the peer has decided (`Refused`) or not (`Unanswered`).
"""

import asyncio
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from kit import call, telemetry
from kit.errors import CODES, Problem, error_info

CALL_SECONDS = 5.0
CONNECT_SECONDS = 1.0
UNSENT_HEADER = "x-ordermesh-unsent"
"""Set by a sidecar on an answer of its own, when it could not reach the peer at all."""

_OPTIONS = [
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.service_config_disable_resolution", 1),
]
_KINDS = {code: kind for kind, code in CODES.items()}
_DECIDED = {"invalid", "unauthenticated", "denied", "missing", "refused", "unimplemented"}

Q = TypeVar("Q", bound=Message, contravariant=True)
A = TypeVar("A", bound=Message)


class Refused(Problem):
    """The peer has decided: repeating the call gives the same answer."""


class Unanswered(Problem):
    """The peer gave no decision. `sent` is False only if the call surely never reached it."""

    def __init__(self, peer: str, cause: str, *, sent: bool) -> None:
        message = f"{peer} does not answer; try again"
        super().__init__(
            "unavailable", "DEPENDENCY_UNAVAILABLE", message, {"dependency": peer, "cause": cause}
        )
        self.peer = peer
        self.sent = sent


class Peer:
    """One service that we call; `for_user` in the name of the user whose request is being answered."""

    def __init__(self, name: str, address: str, *, for_user: bool = False) -> None:
        self.name = name
        self._for_user = for_user
        self.channel = grpc.aio.insecure_channel(
            address, options=[("grpc.default_authority", name), *_OPTIONS], interceptors=_interceptors(name)
        )

    async def call(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[Q, A] | grpc.UnaryUnaryMultiCallable[Q, A]",
        request: Q,
    ) -> A:
        """Call once. Raises Refused or Unanswered."""
        await self._connected()
        try:
            answer: A = await method(  # type: ignore[misc]
                request, timeout=call.remaining(CALL_SECONDS), metadata=self._metadata()
            )
        except grpc.aio.AioRpcError as error:
            raise self._problem(error) from error
        return answer

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        trace = ("traceparent", telemetry.traceparent())
        token = call.authorization() if self._for_user else None
        return (trace, ("authorization", token)) if token else (trace,)

    async def _connected(self) -> None:
        """Wait shortly for a connection: only before the call can it be known that nothing was sent."""
        if self.channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY:
            return
        try:
            async with asyncio.timeout(call.remaining(CONNECT_SECONDS)):
                await self.channel.channel_ready()
        except TimeoutError as error:
            raise Unanswered(self.name, "UNREACHABLE", sent=False) from error

    def _problem(self, error: grpc.aio.AioRpcError) -> Problem:
        kind = _KINDS.get(error.code(), "internal")
        info = error_info(error)
        if kind in _DECIDED and info is not None:
            return Refused(kind, info.reason, error.details() or "", dict(info.metadata))
        unsent = any(key == UNSENT_HEADER for key, _ in error.trailing_metadata() or ())
        return Unanswered(self.name, info.reason if info else error.code().name, sent=not unsent)

    async def close(self) -> None:
        """Close the channel, at the end of the process."""
        await self.channel.close()


def _interceptors(name: str) -> "list[grpc.aio.ClientInterceptor] | None":
    """What makes the spans of calls; nothing where none are made."""
    spans = telemetry.spans()
    return None if spans is None else [spans.calls(name)]
