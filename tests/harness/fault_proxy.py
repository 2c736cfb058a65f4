"""A gRPC proxy between two services that delays or refuses calls, until the mesh can do it.

It forwards bytes, so it knows no message. It runs in a thread of the test's process; a call that its caller
gives up is cancelled towards the callee too, and counted.
"""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc


@dataclass
class Fault:
    """What is done to each call; may be changed while the proxy runs."""

    chance: random.Random
    delay_seconds: float = 0.0
    refuse_share: float = 0.0  # answered UNAVAILABLE without forwarding
    forwarded: int = 0
    refused: int = 0
    given_up: int = 0


class _Forwarder(grpc.GenericRpcHandler):
    """Takes every unary method."""

    def __init__(self, channel: grpc.aio.Channel, fault: Fault) -> None:
        self._channel = channel
        self._fault = fault

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """A handler that forwards the bytes of one method."""
        method: Any = self._channel.unary_unary(handler_call_details.method)

        async def forward(request: bytes, context: Any) -> bytes:
            fault = self._fault
            if fault.chance.random() < fault.refuse_share:
                fault.refused += 1
                await context.abort(grpc.StatusCode.UNAVAILABLE, "refused by the test")
            try:
                await asyncio.sleep(fault.delay_seconds)
                fault.forwarded += 1
                answer: bytes = await method(
                    request,
                    metadata=[item for item in context.invocation_metadata() if item[0] != "user-agent"],
                    timeout=context.time_remaining(),
                )
            except asyncio.CancelledError:
                fault.given_up += 1
                raise
            except grpc.aio.AioRpcError as error:
                context.set_trailing_metadata(tuple(error.trailing_metadata() or ()))
                await context.abort(error.code(), error.details() or "")
            return answer

        return grpc.unary_unary_rpc_method_handler(forward)


@contextmanager
def fault_proxy(name: str, target: str) -> Iterator[tuple[str, Fault]]:
    """Run a proxy to `target` for the length of a block; yields its address and what it does. Its chance is
    the same in every run, and another one for each name: hops must fail independently.
    """
    fault = Fault(random.Random(name))  # noqa: S311 - a test
    ready: list[str] = []
    started, stopping = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = grpc.aio.server()
        channel = grpc.aio.insecure_channel(target)
        server.add_generic_rpc_handlers((_Forwarder(channel, fault),))
        ready.append(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
        await server.start()
        started.set()
        await stopping.wait()
        await server.stop(0)
        await channel.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name=f"proxy to {target}")
    thread.start()
    try:
        assert started.wait(10), "the proxy did not start"
        yield ready[0], fault
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()
