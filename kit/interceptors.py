"""What surrounds every RPC: trace, deadline, access, validation, and errors said without leaking.

One wrapper built per method at start, instead of a chain of interceptors per call: each link of a chain is
another coroutine for every call, and none can reach the decoding (ADR 6).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import protovalidate
from google.protobuf import descriptor, message_factory
from google.protobuf.message import DecodeError, Message
from google.rpc import status_pb2
from grpc_status import rpc_status

from kit import call, telemetry
from kit.errors import CODES, Problem, to_status
from kit.logs import log
from kit.tokens import TokenVerifier
from kit.validation import nul_problem, problem_of
from ordermesh.access.v1 import access_pb2

DEFAULT_SECONDS = 5.0
MAX_SECONDS = 60.0
MAX_STREAM_SECONDS = 3600.0
MAX_MESSAGE_BYTES = 64 * 1024

ENTRY_HEADER = "x-ordermesh-entry"
"""Set by the two listeners of the edge: `edge` or `operator`; absent between workloads."""

_READ_ONLY = 1  # MethodOptions.IdempotencyLevel.NO_SIDE_EFFECTS


@dataclass(frozen=True)
class Method:
    """What the protos declare about one method."""

    name: str
    access: int
    open_read: bool  # changes nothing and tells nothing private


class Unusable(Message):
    """Stands for a request that could not be decoded, until the wrapper can answer it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class Guard:
    """Wraps the methods of one service's servicers."""

    def __init__(self, service: str, tokens: TokenVerifier | None) -> None:
        self._service = service
        self._tokens = tokens
        self._streams: set[asyncio.Timeout] = set()
        self._draining = False
        self._spans = telemetry.spans()

    def drain(self) -> None:
        """End the open streams, so that a stop waits for requests only; their callers resume elsewhere."""
        self._draining = True
        for limit in self._streams:
            limit.reschedule(asyncio.get_running_loop().time())

    def handler(self, method: descriptor.MethodDescriptor, behaviour: Callable[..., Any]) -> Any:
        """A gRPC handler for one method of a servicer."""
        options = method.GetOptions()
        declared = Method(
            method.full_name,
            options.Extensions[access_pb2.access],
            options.idempotency_level == _READ_ONLY and not _private(method.output_type),
        )
        surrounded = (self._stream if method.server_streaming else self._unary)(declared, behaviour)
        if self._spans is not None:
            around: Callable[..., Any] = (
                self._spans.around_stream if method.server_streaming else self._spans.around
            )
            surrounded = around(declared.name, surrounded)
        make = (
            grpc.unary_stream_rpc_method_handler
            if method.server_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        request = message_factory.GetMessageClass(method.input_type)
        return make(
            surrounded,
            request_deserializer=_decoder(request),
            response_serializer=lambda answer: answer.SerializeToString(),
        )

    def _unary(
        self, method: Method, behaviour: Callable[..., Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        async def serve(request: Message, context: Any) -> Any:
            try:
                seconds = await self._admit(method, request, context, MAX_SECONDS, DEFAULT_SECONDS)
                async with asyncio.timeout(seconds):
                    return await behaviour(request, context)
            except Exception as error:
                status = self._status(method, error)
            return await context.abort_with_status(rpc_status.to_status(status))

        return serve

    def _stream(self, method: Method, behaviour: Callable[..., AsyncIterator[Any]]) -> Callable[..., Any]:
        async def serve(request: Message, context: Any) -> AsyncIterator[Any]:
            try:
                seconds = await self._admit(method, request, context, MAX_STREAM_SECONDS, MAX_STREAM_SECONDS)
                async with asyncio.timeout(seconds) as limit:
                    self._streams.add(limit)
                    try:
                        async for answer in behaviour(request, context):
                            yield answer
                    finally:
                        self._streams.discard(limit)
                return
            except Exception as error:
                status = self._status(method, error)
            await context.abort_with_status(rpc_status.to_status(status))

        return serve

    async def _admit(
        self, method: Method, request: Message, context: Any, longest: float, default: float
    ) -> float:
        """Check everything that must hold before the behaviour runs; returns the seconds it has."""
        headers: Mapping[str, str] = dict(context.invocation_metadata() or ())
        if self._spans is None:  # else its span is current already
            telemetry.accept(headers)
        asked = context.time_remaining()
        seconds = default if asked is None else min(asked, longest)
        call.set_deadline(seconds)
        if isinstance(request, Unusable):
            raise request.problem
        caller = await self._authorise(method, headers)
        call.set_caller(caller)
        call.set_authorization(headers.get("authorization") if caller else None)
        if violations := protovalidate.collect_violations(request):
            raise problem_of(violations)
        return seconds

    async def _authorise(self, method: Method, headers: Mapping[str, str]) -> call.Caller | None:
        entry = headers.get(ENTRY_HEADER)
        authorization = headers.get("authorization")
        if method.access == access_pb2.ACCESS_ANYONE:
            return None
        if method.access == access_pb2.ACCESS_USER:
            return await self._user(authorization)
        workload = method.access == access_pb2.ACCESS_WORKLOAD
        if workload and (entry is None or (entry == call.OPERATOR and method.open_read)):
            return None
        if method.access == access_pb2.ACCESS_OPERATOR or (workload and entry == call.OPERATOR):
            return await self._operator(authorization)
        raise Problem("denied", "WORKLOAD_NOT_ALLOWED", "this method is not for callers from outside")

    async def _user(self, authorization: str | None) -> call.Caller:
        assert self._tokens is not None  # noqa: S101 - only a process without such methods has none
        return await self._tokens.verify(authorization)

    async def _operator(self, authorization: str | None) -> call.Caller:
        caller = await self._user(authorization)
        if not caller.is_operator:
            raise Problem(
                "denied", "OPERATOR_REQUIRED", "this needs the token of an operator, such as olga's"
            )
        return caller

    def _status(self, method: Method, error: Exception) -> status_pb2.Status:
        """Say the error, and log it when it is ours or a dependency's fault."""
        if isinstance(error, TimeoutError) and self._draining:
            error = Problem("unavailable", "DRAINING", "this instance is stopping; call again and resume")
        elif isinstance(error, TimeoutError):
            error = Problem(
                "too_late", "DEADLINE_EXCEEDED", "the deadline passed before the answer was ready"
            )
        status = to_status(error, self._service, telemetry.trace_id())
        if status.code == CODES["internal"].value[0]:
            log().error("rpc_failed", method=method.name, exc_info=error)
        elif status.code in (CODES["unavailable"].value[0], CODES["too_late"].value[0]):
            log().warning(
                "rpc_unavailable", method=method.name, reason=getattr(error, "reason", ""), detail=str(error)
            )
        return status


def _private(message: descriptor.Descriptor) -> bool:
    """Whether an answer has a field that the protos mark as not to be shown."""
    return any(field.GetOptions().debug_redact for field in message.fields)


def _decoder(request: type[Message]) -> Callable[[bytes], Message]:
    """grpc.aio would answer UNKNOWN with the text of the exception; ours is answered by the wrapper."""

    def decode(data: bytes) -> Message:
        if len(data) > MAX_MESSAGE_BYTES:
            size = f"{len(data)} bytes; at most {MAX_MESSAGE_BYTES} are taken"
            return Unusable(Problem("exhausted", "MESSAGE_TOO_LARGE", f"the message has {size}"))
        try:
            message = request.FromString(data)
        except DecodeError:
            return Unusable(Problem("invalid", "MALFORMED_MESSAGE", f"not a {request.DESCRIPTOR.full_name}"))
        problem = nul_problem(message) if b"\0" in data else None  # rare: the search costs next to nothing
        return Unusable(problem) if problem else message

    return decode
