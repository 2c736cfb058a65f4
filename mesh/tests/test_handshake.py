"""The certificates work where they are meant to: OpenSSL's strictest rules, both ends of mutual TLS."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mesh.authority import Authority, Leaf

HOUR = timedelta(hours=1)


def context(protocol: ssl._SSLMethod, leaf: Leaf, bundle: bytes, folder: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(protocol)
    made.check_hostname = False  # an SVID's name is a URI, which Envoy compares
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    made.load_verify_locations(cadata=bundle.decode())
    both = folder / f"{leaf.spiffe_id.rpartition('/')[2]}.pem"  # OpenSSL reads keys from files only
    both.write_bytes(leaf.certificate_chain + leaf.private_key)
    made.load_cert_chain(both)
    return made


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[object, object]:
    """What each end has seen of the other; raises SSLError if one does not take the other."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):  # flights of TLS 1.3, and one to spare
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    caller, called = ((end.getpeercert() or {}).get("subjectAltName") for end in ends)
    return caller, called


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    # OpenSSL asks the real clock.
    return Authority(tmp_path / "ca", lambda: datetime.now(UTC))


def ends(mine: Authority, other: Authority, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    orders, inventory = mine.issue("orders", HOUR), other.issue("inventory", HOUR)
    return (
        context(ssl.PROTOCOL_TLS_CLIENT, orders, mine.bundle(), folder),
        context(ssl.PROTOCOL_TLS_SERVER, inventory, other.bundle(), folder),
    )


def test_two_workloads_see_each_others_identity(authority: Authority, tmp_path: Path) -> None:
    assert shake_hands(*ends(authority, authority, tmp_path)) == (
        (("URI", "spiffe://ordermesh.local/inventory"),),
        (("URI", "spiffe://ordermesh.local/orders"),),
    )


def test_old_and_new_leaves_talk_while_the_root_rotates(authority: Authority, tmp_path: Path) -> None:
    authority.begin_root_rotation()
    client, old_server = ends(authority, authority, tmp_path)
    authority.issue_from_new_root()
    new_client, new_server = ends(authority, authority, tmp_path)
    for pair in ((client, new_server), (new_client, old_server), (new_client, new_server)):
        assert None not in shake_hands(*pair)


def test_a_workload_of_a_root_that_is_not_trusted_gets_nowhere(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger", lambda: datetime.now(UTC))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(*ends(authority, stranger, tmp_path))
