"""Posting to real receivers: what counts as taken, what is refused, and where nothing is dialled."""

import asyncio
import socket
import ssl
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.notifications.webhooks.domain import Outcome
from services.notifications.webhooks.http import LARGEST_ANSWER, HttpPoster, SystemResolver
from services.notifications.webhooks.messages import new_secret
from services.notifications.webhooks.tests.receiving import Came, answer, receiving
from services.notifications.webhooks.usecases import Parcel

NEW, OLD = new_secret().text, new_secret().text
LONG_SECONDS, SHORT_SECONDS = 30.0, 0.3


class Names:
    """Knows hosts by what it is told; each look-up takes the next answer, and the last one stays."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def addresses(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]


def parcel(url: str) -> Parcel:
    return Parcel(url, uuid.uuid4(), '{"type":"order.placed","data":{"ä":1}}', (NEW, OLD))


def poster(
    *, local: bool = True, names: Names | None = None, trust: ssl.SSLContext | None = None
) -> HttpPoster:
    return HttpPoster(names or SystemResolver(), lambda: datetime.now(UTC), local=local, trust=trust)


async def post(url: str, seconds: float = LONG_SECONDS) -> tuple[Outcome, bytes]:
    return await poster().post(parcel(url), seconds)


async def test_a_message_is_signed_by_each_secret_and_arrives_as_it_is() -> None:
    async with receiving() as receiver:
        sent = parcel(receiver.url("/a?b=c"))
        outcome, _ = await poster().post(sent, LONG_SECONDS)
    assert outcome == Outcome(200)
    (came,) = receiver.came
    assert (came.path, came.body, came.headers["webhook-id"]) == (
        "/a?b=c",
        sent.payload,
        str(sent.message_id),
    )
    assert came.headers["content-type"] == "application/json"
    assert len(came.headers["webhook-signature"].split(" ")) == 2
    assert came.is_signed_by(NEW)
    assert came.is_signed_by(OLD)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(200, ""), (204, ""), (299, ""), (400, "HTTP_400"), (410, "HTTP_410"), (500, "HTTP_500")],
)
async def test_2xx_is_success_and_nothing_else(status: int, reason: str) -> None:
    async with receiving() as receiver:
        receiver.answers = lambda came: answer(status)
        outcome, _ = await post(receiver.url())
    assert (outcome.status_code, outcome.reason) == (status, reason)


async def test_a_redirect_is_not_followed() -> None:
    async with receiving() as receiver:
        receiver.answers = lambda came: answer(302, f"location: {receiver.url('/elsewhere')}")
        outcome, _ = await post(receiver.url())
    assert (outcome.status_code, outcome.reason, len(receiver.came)) == (302, "REDIRECTED", 1)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("retry-after: 120", 120, 120),
        ("Retry-After: 120", 120, 120),
        ("retry-after: soon", 0, 0),
        ("retry-after: -1", 0, 0),
        ("retry-after: Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("retry-after: " + "9" * 40, 10**9, 10**9),
    ],
)
async def test_what_the_receiver_asks_for_is_read(header: str, least: int, most: int) -> None:
    async with receiving() as receiver:
        receiver.answers = lambda came: answer(503, header)
        outcome, _ = await post(receiver.url())
    assert timedelta(seconds=least) <= outcome.retry_after <= timedelta(seconds=most)


async def test_of_an_answer_that_never_ends_the_beginning_is_read_and_its_status_counts() -> None:
    async with receiving() as receiver:
        receiver.answers = lambda came: b"HTTP/1.1 200 OK\r\n\r\n"
        receiver.endless = b"x" * 1000
        outcome, body = await post(receiver.url())
        async with asyncio.timeout(LONG_SECONDS):
            await receiver.gone.wait()  # the connection is closed, and not read on
    assert (outcome, len(body)) == (Outcome(200), LARGEST_ANSWER)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nlonger",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["too short", "too long", "no chunk"],
)
async def test_with_a_wrong_length_the_status_counts(said: bytes) -> None:
    async with receiving() as receiver:
        receiver.answers = lambda came: said
        outcome, _ = await post(receiver.url())
    assert outcome == Outcome(200)


async def test_an_answer_that_does_not_come_is_waited_for_so_long_and_no_longer() -> None:
    async with receiving() as receiver:
        receiver.answers = lambda came: None
        outcome, _ = await post(receiver.url(), SHORT_SECONDS)
        await receiver.gone.wait()
    assert outcome == Outcome(0, "TIMED_OUT")


@pytest.mark.parametrize("said", [b"SSH-2.0-x\r\n", b"\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b""])
async def test_what_is_no_http_is_said_to_be_none(said: bytes) -> None:
    async with receiving() as receiver:
        receiver.answers = lambda came: said
        outcome, _ = await post(receiver.url())
    assert outcome == Outcome(0, "NO_HTTP")


async def test_a_receiver_that_is_down_is_no_answer() -> None:
    with socket.socket() as held:  # bound and not listening: nobody else can take the port
        held.bind(("127.0.0.1", 0))
        outcome, _ = await post(f"http://127.0.0.1:{held.getsockname()[1]}/")
    assert outcome == Outcome(0, "CONNECTION_FAILED")


async def test_a_name_that_has_a_private_address_by_now_is_not_dialled() -> None:
    async with receiving() as receiver:
        names = Names("127.0.0.1")
        said = await poster(local=False, names=names).post(parcel("https://example.com:8443/"), LONG_SECONDS)
    assert said == (Outcome(0, "PRIVATE_TARGET"), b"")
    assert receiver.came == []
    assert names.asked == 1


async def test_the_address_that_was_judged_is_the_one_that_is_dialled() -> None:
    """A name that answers differently each time is looked up once an attempt."""
    async with receiving() as receiver:
        names = Names("127.0.0.1", "10.0.0.1")
        url = f"http://rebinding.example:{receiver.port}/"
        outcomes = [(await poster(names=names).post(parcel(url), LONG_SECONDS))[0] for _ in range(2)]
    assert outcomes == [Outcome(200), Outcome(0, "PRIVATE_TARGET")]
    assert [came.headers["host"] for came in receiver.came] == [f"rebinding.example:{receiver.port}"]


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.1", "[::1]", "localhost", "[::ffff:127.0.0.1]"]
)
async def test_another_spelling_of_loopback_is_loopback(host: str) -> None:
    said, _ = await poster(local=False).post(parcel(f"https://{host}:8443/"), LONG_SECONDS)
    assert said.reason in ("PRIVATE_TARGET", "UNRESOLVABLE")


async def test_a_url_that_the_rules_do_not_take_any_more_is_not_dialled() -> None:
    async with receiving() as receiver:
        outcome, _ = await poster(local=False).post(parcel(receiver.url()), LONG_SECONDS)
    assert (outcome.reason, receiver.came) == ("NOT_HTTPS", [])


async def test_a_certificate_that_nobody_vouches_for_ends_the_attempt(tmp_path: Path) -> None:
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(*certificate(tmp_path, "localhost"))
    came: list[Came] = []
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    outcome, _ = await post(f"https://127.0.0.1:{port}/")
    server.close()
    assert (outcome, came) == (Outcome(0, "TLS_FAILED"), [])


async def test_the_certificate_is_held_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    chain = certificate(tmp_path, "hooks.example")
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(*chain)
    trust = ssl.create_default_context(cafile=str(chain[0]))

    async def taking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(200))
        writer.close()

    server = await asyncio.start_server(taking, "127.0.0.1", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    told = {}
    for host in ("hooks.example", "other.example"):
        by_name = poster(names=Names("127.0.0.1"), trust=trust)
        told[host], _ = await by_name.post(parcel(f"https://{host}:{port}/"), LONG_SECONDS)
    server.close()
    assert told == {"hooks.example": Outcome(200), "other.example": Outcome(0, "TLS_FAILED")}


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private
