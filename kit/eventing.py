"""What a service needs to publish and to consume events, put together: wiring.py makes one of these."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from kit.background import Background
from kit.consumer import Consumer
from kit.database import Database
from kit.deadletters import DeadLetters
from kit.dispatch import Dispatcher, Subscription
from kit.events_rpc import EventsServicer
from kit.kafka import Publisher
from kit.logs import log
from kit.outbox import Relay

SERVICE = "ordermesh.events.v1.EventsService"
SWEEP_SECONDS = 0.5
FORGET_SECONDS = 600.0
AGAIN_SECONDS = 1.0
KEPT = timedelta(days=7)
"""How long rows of the outbox stay after they were sent."""


class Eventing:
    """The publisher, the relay, and at most one consumer of a service.

    A service that publishes nothing (`publishes=False`) has no outbox; its dead letters are still told.
    """

    def __init__(
        self,
        service: str,
        database: Database,
        kafka_address: str,
        background: Background,
        *,
        publishes: bool = True,
    ) -> None:
        self._database = database
        self._kafka_address = kafka_address
        self._background = background
        self._publishes = publishes
        self._stopping = False
        self._consumer: Consumer | None = None
        self._consuming: asyncio.Task[None] | None = None
        self.publisher = Publisher(kafka_address, service)
        self.relay = Relay(database, self.publisher, background)
        self.dispatcher: Dispatcher | None = None
        self.servicer = self._servicer()

    def consume(self, subscription: Subscription) -> None:
        """Consume this, from `start` on."""
        dead_letters = DeadLetters(subscription.group, self._database, self.publisher)
        self.dispatcher = Dispatcher(subscription, dead_letters)
        self.servicer = self._servicer()

    def start(self) -> None:
        """Begin to sweep and to consume."""
        self.publisher.open()
        if self._publishes:
            self._background.every(SWEEP_SECONDS, self.relay.sweep, "sweep outbox")
            self._background.every(FORGET_SECONDS, lambda: self.relay.forget(KEPT), "forget sent events")
        if self.dispatcher is not None:
            self._consuming = self._background.spawn(self._consume(self.dispatcher), "consume")

    async def _consume(self, dispatcher: Dispatcher) -> None:
        """Until `stop`: a reader that ends by an error would leave a service that looks healthy."""
        while not self._stopping:
            self._consumer = Consumer(self._kafka_address, dispatcher)
            try:
                await self._consumer.run()
            except Exception as error:
                log().error("consumer_failed", exc_info=error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def stop(self) -> None:
        """Finish what is being worked on, leave the group."""
        self._stopping = True
        if self._consuming is not None:
            if self._consumer is not None:
                self._consumer.stop()
            await asyncio.gather(self._consuming, return_exceptions=True)

    def close(self, seconds: float = 1.0) -> None:
        """Let what is being sent arrive; the last thing of a process."""
        self.publisher.close(seconds)

    def _servicer(self) -> EventsServicer:
        return EventsServicer(self.relay if self._publishes else None, self.dispatcher)
