"""Posts webhooks: signed by Standard Webhooks, to the very addresses that were judged, and nowhere else.

No redirect is followed, no proxy asked, no connection kept. Of an answer the beginning of its body is read
and forgotten; when that is cut, never ends or has another length than it says, the status counts.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpcore
from standardwebhooks import Webhook

from services.notifications.webhooks import targets
from services.notifications.webhooks.domain import Outcome
from services.notifications.webhooks.targets import UrlRejected
from services.notifications.webhooks.usecases import Parcel, Resolver

LARGEST_ANSWER = 16 * 1024


class SystemResolver:
    """Asks the machine's own resolver."""

    async def addresses(self, host: str, port: int) -> list[str]:
        """All addresses of a host; none if it is unknown."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return []
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


class JudgingBackend(httpcore.AsyncNetworkBackend):
    """Dials the addresses that it has judged: a name is looked up once, so it cannot change between."""

    def __init__(self, resolver: Resolver, *, local: bool) -> None:
        self._resolver = resolver
        self._local = local
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers. Raises UrlRejected, ConnectError."""
        addresses = await self._resolver.addresses(host.strip("[]"), port)
        targets.check_addresses(addresses, local=self._local)
        failed: httpcore.ConnectError | None = None
        for address in addresses:
            try:
                return await self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failed = error
        raise failed or httpcore.ConnectError("no address")

    async def sleep(self, seconds: float) -> None:
        """Wait, where httpcore has to."""
        await self._sockets.sleep(seconds)


@dataclass
class _Answer:
    """What has come so far."""

    status_code: int = 0
    retry_after: timedelta = timedelta(0)
    body: bytearray = field(default_factory=bytearray)


class HttpPoster:
    """Signs and posts messages."""

    def __init__(
        self,
        resolver: Resolver,
        clock: Callable[[], datetime],
        *,
        local: bool,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self._local = local
        self._trust = trust or httpcore_trust()

    async def post(self, parcel: Parcel, seconds: float) -> tuple[Outcome, bytes]:
        """Sign and post; how it ended, and the beginning of the answer's body."""
        answer = _Answer()
        reason = ""
        try:
            targets.target_of(parcel.url, local=self._local)  # the rules may be stricter than they were
            async with asyncio.timeout(seconds):
                await self._post(parcel, answer)
        except UrlRejected as error:
            reason = error.cause
        except (TimeoutError, httpcore.TimeoutException):
            reason = "TIMED_OUT"
        except httpcore.NetworkError as error:
            reason = "TLS_FAILED" if _is_tls(error) else "CONNECTION_FAILED"
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
            reason = "NO_HTTP"
        if answer.status_code:
            reason = _failure(answer.status_code)
        return Outcome(answer.status_code, reason, answer.retry_after), bytes(answer.body)

    async def _post(self, parcel: Parcel, answer: _Answer) -> None:
        backend = JudgingBackend(self._resolver, local=self._local)
        async with (
            httpcore.AsyncConnectionPool(ssl_context=self._trust, network_backend=backend) as pool,
            pool.stream(
                "POST",
                parcel.url,
                headers=signed(parcel, self._clock()),
                content=parcel.payload.encode(),
            ) as response,
        ):
            answer.retry_after = _retry_after(response.headers, self._clock())
            answer.status_code = response.status
            with suppress(httpcore.NetworkError, httpcore.ProtocolError):
                async for part in response.aiter_stream():
                    answer.body += part[: LARGEST_ANSWER - len(answer.body)]
                    if len(answer.body) == LARGEST_ANSWER:
                        break


def httpcore_trust() -> ssl.SSLContext:
    """The authorities that are trusted: the machine's, or those of SSL_CERT_FILE."""
    return ssl.create_default_context()


def signed(parcel: Parcel, now: datetime) -> Mapping[bytes | str, bytes | str]:
    """The headers of a message: its id, this attempt's time, and a signature by each secret."""
    message_id, time = str(parcel.message_id), now.astimezone(UTC)
    signatures = [Webhook(secret).sign(message_id, time, parcel.payload) for secret in parcel.secrets]
    return {
        "content-type": "application/json",
        "user-agent": "ordermesh-webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(time.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _failure(status: int) -> str:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return ""
    return "REDIRECTED" if status < HTTPStatus.BAD_REQUEST else f"HTTP_{status}"


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _retry_after(headers: list[tuple[bytes, bytes]], now: datetime) -> timedelta:
    """What the receiver asks for, in seconds or as a date; nothing if it is unreadable."""
    text = {name.lower(): value for name, value in headers}.get(b"retry-after", b"").decode("latin-1")
    try:
        if text.strip().isdecimal():
            return timedelta(seconds=min(int(text), 10**9))
        return max(timedelta(0), parsedate_to_datetime(text).astimezone(UTC) - now)
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
