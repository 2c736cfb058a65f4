"""Mutual TLS between real sidecars: whoever shows what no workload of ours would show is not heard, and not
called.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from mesh.certificates import make_root
from mesh.registry import Instance
from mesh.tests.answers import PLAIN, Answer, answer, answered, ask_admin, eventually
from mesh.tests.fleet import Fleet, Inventory, fleet
from mesh.tests.forging import MINUTE, ORDERS
from mesh.tests.impostors import FROM, HOUR, UNTIL, callee, caller, root_of, shows, shows_nothing

# one sidecar on each side is enough for all
pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

CLIENT, SERVER = ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER
OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
INVENTORY, WORKER = "spiffe://ordermesh.local/inventory", "spiffe://ordermesh.local/worker"
FOREIGN = "spiffe://ordermesh.example/{}"
UNVERIFIED, OTHER_NAME = "fail_verify_error", "fail_verify_san"
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""How a client begins: the preface, and settings that say nothing."""
FORGED: dict[str, dict[str, Any]] = {
    "expired": {"life": (FROM, FROM + MINUTE)},
    "not yet valid": {"life": (UNTIL, UNTIL + HOUR)},
    "a CA": {"ca": True, "usage": ["digital_signature", "key_cert_sign"]},
    "a CA whose key may not sign others": {"ca": True},
    "a key that may sign others": {"usage": ["digital_signature", "key_cert_sign"]},
    "a key that may sign revocations": {"usage": ["digital_signature", "crl_sign"]},
}


class Called:
    """An inventory behind its sidecar, which anybody can reach."""

    def __init__(self, mesh: Fleet, inventory: Inventory) -> None:
        self.mesh = mesh
        self.inventory = inventory
        self.address = mesh.registry.now.of("inventory")[0].address

    async def ask(self, folder: Path, shown: ssl.SSLContext | None, *metadata: tuple[str, str]) -> Answer:
        """Ask it to reserve, from outside of the mesh."""
        async with caller(folder, self.address, shown) as door:
            options = [("grpc.default_authority", "inventory"), ("grpc.use_local_subchannel_pool", 1)]
            async with grpc.aio.insecure_channel(door, options=options) as channel:
                return await answered(channel, metadata)

    async def counts(self) -> dict[str, int]:
        """What its sidecar has counted of TLS."""
        return await ssl_counts(self.mesh, "inventory-1", f"listener.{self.address.replace(':', '_')}")

    async def refuses(self, folder: Path, shown: ssl.SSLContext | None, count: str) -> None:
        """The handshake fails for this reason, and the application hears nothing."""
        before, asked = await self.counts(), len(self.inventory.asked)
        assert (await self.ask(folder, shown)).code is UNAVAILABLE
        after = await self.counts()
        assert after.get(count, 0) > before.get(count, 0)
        assert after["handshake"] == before["handshake"]
        assert len(self.inventory.asked) == asked


class Calling:
    """The sidecar of orders, and nobody yet whom it could call."""

    def __init__(self, mesh: Fleet, inventory: Inventory) -> None:
        self.mesh = mesh
        self.inventory = inventory

    @asynccontextmanager
    async def facing(self, shown: ssl.SSLContext) -> AsyncIterator[None]:
        """The only inventory that the sidecar knows of shows this."""
        async with callee(self.mesh.folder / "inventory-1.app", shown) as address:
            one = Instance("impostor", "inventory", address)
            self.mesh.registry.becomes(self.mesh.registry.now.arrived(one))

            async def known() -> bool:
                return f"inventory::{address}::" in await ask_admin(self.mesh, "orders-1", "/clusters")

            await eventually(known)
            yield

    async def counts(self) -> dict[str, int]:
        """What the sidecar has counted of TLS."""
        return await ssl_counts(self.mesh, "orders-1", "cluster.inventory")

    async def refuses(self, shown: ssl.SSLContext, *reasons: str) -> None:
        """The handshake fails for these reasons, and the impostor hears nothing."""
        before, asked = await self.counts(), len(self.inventory.asked)
        async with self.facing(shown):
            assert (await answer(self.mesh)).code is UNAVAILABLE
        after = await self.counts()
        assert all(after.get(reason, 0) > before.get(reason, 0) for reason in reasons)
        assert after.get("handshake", 0) == before.get("handshake", 0)
        assert len(self.inventory.asked) == asked


async def ssl_counts(mesh: Fleet, sidecar: str, of: str) -> dict[str, int]:
    """A sidecar's counters of TLS by their short names."""
    said = await ask_admin(mesh, sidecar, f"/stats?filter=^{of}.ssl")
    counted = (line.removeprefix(f"{of}.ssl.").split(": ") for line in said.splitlines())
    return {name: int(count) for name, count in counted}


@asynccontextmanager
async def one_side(folder: Path, workload: str) -> AsyncIterator[tuple[Fleet, Inventory]]:
    """An application, and the only sidecar."""
    async with fleet(folder, PLAIN, timedelta(hours=1)) as mesh:
        mesh.every_number = True
        inventory = Inventory()
        await mesh.serve(inventory)
        await mesh.sidecar(workload, f"{workload}-1")

        async def connected() -> bool:
            return bool(mesh.proxies.all())

        await eventually(connected)
        yield mesh, inventory


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def called(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Called]:
    folder = tmp_path_factory.mktemp("m")
    async with one_side(folder, "inventory") as (mesh, inventory):
        found = Called(mesh, inventory)

        async def answers() -> bool:
            return (await found.ask(folder, shows(CLIENT, folder, root_of(mesh), [ORDERS]))).code is OK

        await eventually(answers)
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calling(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calling]:
    folder = tmp_path_factory.mktemp("m")
    async with one_side(folder, "orders") as (mesh, inventory):
        found = Calling(mesh, inventory)
        async with found.facing(shows(SERVER, folder, root_of(mesh), [INVENTORY])):

            async def answers() -> bool:
                return (await answer(mesh)).code is OK

            await eventually(answers)
        yield found


async def test_what_is_forged_in_nothing_is_heard_and_called(
    called: Called, calling: Calling, tmp_path: Path
) -> None:
    """Else the refusals below would prove nothing."""
    shown = shows(CLIENT, tmp_path, root_of(called.mesh), [ORDERS])
    assert (await called.ask(tmp_path, shown)).code is OK
    assert called.inventory.who[-1].endswith(f"URI={ORDERS}")
    async with calling.facing(shows(SERVER, tmp_path, root_of(calling.mesh), [INVENTORY])):
        assert (await answer(calling.mesh)).code is OK


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
async def test_a_caller_with_a_bad_certificate_is_not_heard(
    called: Called, tmp_path: Path, forged: dict[str, Any]
) -> None:
    shown = shows(CLIENT, tmp_path, root_of(called.mesh), [ORDERS], **forged)
    await called.refuses(tmp_path, shown, UNVERIFIED)


async def test_a_caller_of_another_trust_domain_is_not_heard(called: Called, tmp_path: Path) -> None:
    shown = shows(CLIENT, tmp_path, root_of(called.mesh), [FOREIGN.format("orders")])
    await called.refuses(tmp_path, shown, UNVERIFIED)


async def test_a_caller_of_a_root_that_is_not_ours_is_not_heard(called: Called, tmp_path: Path) -> None:
    await called.refuses(tmp_path, shows(CLIENT, tmp_path, make_root(FROM), [ORDERS]), UNVERIFIED)


async def test_a_caller_that_shows_nothing_is_not_heard(called: Called, tmp_path: Path) -> None:
    await called.refuses(tmp_path, shows_nothing(CLIENT), "fail_verify_no_cert")


async def test_a_caller_in_the_clear_is_not_heard(called: Called, tmp_path: Path) -> None:
    await called.refuses(tmp_path, None, "connection_error")


async def test_a_caller_that_speaks_an_older_tls_is_not_heard(called: Called, tmp_path: Path) -> None:
    shown = shows(CLIENT, tmp_path, root_of(called.mesh), [ORDERS])
    shown.maximum_version = ssl.TLSVersion.TLSv1_2
    await called.refuses(tmp_path, shown, "connection_error")


@pytest.mark.parametrize(
    "uris",
    [[ORDERS, WORKER], [WORKER, ORDERS], [ORDERS, ORDERS], [ORDERS, "https://ordermesh.local/orders"]],
)
async def test_a_caller_of_two_identities_is_not_heard_though_one_of_them_may_call(
    called: Called, tmp_path: Path, uris: list[str]
) -> None:
    asked = len(called.inventory.asked)
    found = await called.ask(tmp_path, shows(CLIENT, tmp_path, root_of(called.mesh), uris))
    assert found.code is grpc.StatusCode.PERMISSION_DENIED
    assert len(called.inventory.asked) == asked


async def test_what_a_caller_says_of_itself_is_forgotten(called: Called, tmp_path: Path) -> None:
    said = ("x-forwarded-client-cert", f"URI={WORKER};URI={ORDERS}")
    shown = shows(CLIENT, tmp_path, root_of(called.mesh), [ORDERS])
    assert (await called.ask(tmp_path, shown, said)).code is OK
    assert WORKER not in called.inventory.who[-1]
    shown = shows(CLIENT, tmp_path, root_of(called.mesh), [WORKER])
    assert (await called.ask(tmp_path, shown, said)).code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_caller_gets_no_ticket_with_which_it_would_show_no_certificate_again(
    called: Called, tmp_path: Path
) -> None:
    shown = shows(CLIENT, tmp_path, root_of(called.mesh), [ORDERS])
    host, _, port = called.address.rpartition(":")

    def session() -> ssl.SSLSession | None:
        with shown.wrap_socket(socket.create_connection((host, int(port)), timeout=10)) as end:
            end.sendall(HTTP2)
            assert end.recv(1 << 16), "its own settings, after which a ticket would have come"
            return end.session

    found = await asyncio.to_thread(session)
    assert found is not None
    assert not found.has_ticket


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
async def test_a_callee_with_a_bad_certificate_is_not_called(
    calling: Calling, tmp_path: Path, forged: dict[str, Any]
) -> None:
    await calling.refuses(shows(SERVER, tmp_path, root_of(calling.mesh), [INVENTORY], **forged), UNVERIFIED)


@pytest.mark.parametrize(
    ("uris", "reason"),
    [([ORDERS], OTHER_NAME), ([ORDERS, WORKER], OTHER_NAME), ([FOREIGN.format("inventory")], UNVERIFIED)],
)
async def test_a_callee_of_other_identities_is_not_called(
    calling: Calling, tmp_path: Path, uris: list[str], reason: str
) -> None:
    await calling.refuses(shows(SERVER, tmp_path, root_of(calling.mesh), uris), reason)


async def test_a_callee_of_a_root_that_is_not_ours_is_not_called(calling: Calling, tmp_path: Path) -> None:
    await calling.refuses(shows(SERVER, tmp_path, make_root(FROM), [INVENTORY]), UNVERIFIED)


async def test_a_callee_that_speaks_an_older_tls_is_not_called(calling: Calling, tmp_path: Path) -> None:
    shown = shows(SERVER, tmp_path, root_of(calling.mesh), [INVENTORY])
    shown.maximum_version = ssl.TLSVersion.TLSv1_2
    await calling.refuses(shown)  # Envoy does not count the alert that it gets for an offer of 1.3 only


async def test_a_callee_of_two_identities_is_called_if_one_is_the_expected(
    calling: Calling, tmp_path: Path
) -> None:
    """Not as SPIFFE wants it: Envoy can refuse it nowhere (ADR 15). If this fails, it has learnt to."""
    async with calling.facing(shows(SERVER, tmp_path, root_of(calling.mesh), [WORKER, INVENTORY])):
        assert (await answer(calling.mesh)).code is OK


async def test_a_callee_shows_its_certificate_with_every_connection(calling: Calling, tmp_path: Path) -> None:
    shown = shows(SERVER, tmp_path, root_of(calling.mesh), [INVENTORY])
    for _ in range(3):  # each is another connection, to one who knows the tickets of the last
        async with calling.facing(shown):
            assert (await answer(calling.mesh)).code is OK
    counted = shown.session_stats()
    assert counted["accept_good"] >= 3
    assert counted["hits"] == 0
