"""The edge's certificate on disk, and its TLS door as a real Envoy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import httpx
import pytest

from ops import edge_certificate
from ops.site import Site
from ops.tests.listening import USER, Edge, edge
from ordermesh.orders.v1 import orders_service_pb2, orders_service_pb2_grpc

pytestmark = pytest.mark.processes

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_is_made_once_and_its_keys_are_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    edge_certificate.ensure(folder, NOW)
    made = contents(folder)
    edge_certificate.ensure(folder, NOW + timedelta(days=59))
    assert contents(folder) == made
    for key in (edge_certificate.KEY, edge_certificate.AUTHORITY_KEY):
        assert (folder / key).stat().st_mode & 0o777 == 0o600


def test_near_its_end_it_is_renewed_by_the_same_authority(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    edge_certificate.ensure(folder, NOW)
    made = contents(folder)
    edge_certificate.ensure(folder, NOW + timedelta(days=61))
    changed = {name for name, content in contents(folder).items() if content != made[name]}
    assert changed == {edge_certificate.CERTIFICATE, edge_certificate.KEY}


def test_without_its_key_it_is_made_anew(tmp_path: Path) -> None:
    edge_certificate.ensure(tmp_path, NOW)
    made = contents(tmp_path)
    (tmp_path / edge_certificate.AUTHORITY_KEY).unlink()
    edge_certificate.ensure(tmp_path, NOW)
    assert not set(contents(tmp_path).values()) & set(made.values())


@pytest.fixture
async def public(site: Site) -> AsyncIterator[Edge]:
    async with edge(site) as running:
        yield running


def trusting(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(site.root / site.tls / edge_certificate.AUTHORITY))


def shaken(site: Site, context: ssl.SSLContext, host: str = "localhost") -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", site.ports["edge_tls"]), timeout=5)
    return context.wrap_socket(plain, server_hostname=host)


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
async def test_it_speaks_both_versions_of_http(public: Edge, protocol: str) -> None:
    context = trusting(public.site)
    context.set_alpn_protocols([protocol])
    with shaken(public.site, context) as connection:
        assert connection.selected_alpn_protocol() == protocol


async def test_rest_and_grpc_are_served_there_as_at_the_plain_door(public: Edge) -> None:
    address = f"localhost:{public.site.ports['edge_tls']}"
    token = f"Bearer {public.backend.issuer.token(USER)}"
    async with httpx.AsyncClient(base_url=f"https://{address}", verify=trusting(public.site)) as http:
        answer = await http.get("/api/v1/products", headers={"x-ordermesh-caller": "orders"})
        assert answer.status_code == 200
    root = (public.site.root / public.site.tls / edge_certificate.AUTHORITY).read_bytes()
    async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(root)) as channel:
        await orders_service_pb2_grpc.OrdersServiceStub(channel).GetOrder(
            orders_service_pb2.GetOrderRequest(order_id="x"), metadata=[("authorization", token)], timeout=5
        )
    rest, rpc = public.backend.heard
    assert "x-ordermesh-caller" not in rest.metadata
    assert rpc.method == "/ordermesh.orders.v1.OrdersService/GetOrder"


async def test_who_wants_another_host_is_not_served_by_mistake(public: Edge) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shaken(public.site, trusting(public.site), "example.com")


async def test_who_does_not_know_the_authority_refuses_it(public: Edge) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(public.site, ssl.create_default_context())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_an_old_version_of_tls_is_refused(public: Edge) -> None:
    context = trusting(public.site)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        shaken(public.site, context)
