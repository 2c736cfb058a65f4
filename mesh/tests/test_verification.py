"""What the mesh takes for a workload's certificate; every refusal has its kind."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

from mesh.certificates import ROOT_LIFETIME, Root, make_leaf, make_root
from mesh.tests.forging import MINUTE, NOW, ORDERS, forge
from mesh.verification import (
    AuthorityAsLeaf,
    Expired,
    Malformed,
    NotOneIdentity,
    NotYetValid,
    UnknownRoot,
    Unverified,
    WrongTrustDomain,
    WrongUsage,
    verify,
)

SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def root() -> Root:
    return make_root(NOW)


def refused(kind: type[Unverified], chain: bytes, root: Root) -> str:
    with pytest.raises(Unverified) as caught:
        verify(chain, root.pem, NOW)
    assert type(caught.value) is kind
    return str(caught.value)


def test_what_is_forged_in_nothing_is_taken(root: Root) -> None:
    """Else the refusals below would prove nothing."""
    assert verify(forge(root), root.pem, NOW) == ORDERS


def test_any_root_of_the_bundle_will_do(root: Root) -> None:
    assert verify(forge(root), make_root(NOW).pem + root.pem, NOW) == ORDERS


def test_a_life_holds_from_its_first_to_its_last_second(root: Root) -> None:
    leaf = make_leaf(root, "orders", MINUTE, NOW)
    assert verify(leaf.certificate_chain, root.pem, NOW - MINUTE) == ORDERS
    assert verify(leaf.certificate_chain, root.pem, NOW + MINUTE) == ORDERS
    with pytest.raises(NotYetValid, match="valid from 2026-03-14 15:08:26 UTC"):
        verify(leaf.certificate_chain, root.pem, NOW - MINUTE - SECOND)
    with pytest.raises(Expired, match="valid until 2026-03-14 15:10:26 UTC"):
        verify(leaf.certificate_chain, root.pem, NOW + MINUTE + SECOND)


def test_an_expired_one_is_refused(root: Root) -> None:
    refused(Expired, forge(root, life=(NOW - MINUTE, NOW - SECOND)), root)


def test_one_from_the_future_is_refused(root: Root) -> None:
    refused(NotYetValid, forge(root, life=(NOW + SECOND, NOW + MINUTE)), root)


def test_another_trust_domain_is_refused_though_our_root_has_signed_it(root: Root) -> None:
    said = refused(WrongTrustDomain, forge(root, ["spiffe://ordermesh.example/orders"]), root)
    assert "ordermesh.example" in said


@pytest.mark.parametrize("uris", [[], [ORDERS, "spiffe://ordermesh.local/payments"], [ORDERS, ORDERS]])
def test_none_or_two_identities_are_refused(root: Root, uris: list[str]) -> None:
    assert f"{len(uris)} URIs" in refused(NotOneIdentity, forge(root, uris), root)


@pytest.mark.parametrize(
    "uri",
    ["https://ordermesh.local/orders", "spiffe://ordermesh.local", "spiffe://ordermesh.local/a/b", "orders"],
)
def test_a_uri_that_names_no_workload_is_refused(root: Root, uri: str) -> None:
    refused(Malformed, forge(root, [uri]), root)


def test_an_authority_as_leaf_is_refused(root: Root) -> None:
    refused(AuthorityAsLeaf, forge(root, ca=True, usage=["digital_signature", "key_cert_sign"]), root)
    refused(AuthorityAsLeaf, forge(root, ca=True), root)
    refused(AuthorityAsLeaf, root.pem, root)


@pytest.mark.parametrize("right", ["key_cert_sign", "crl_sign"])
def test_a_leaf_whose_key_may_sign_others_is_refused(root: Root, right: str) -> None:
    refused(AuthorityAsLeaf, forge(root, usage=["digital_signature", right]), root)


def test_a_key_for_other_uses_is_refused(root: Root) -> None:
    refused(WrongUsage, forge(root, usage=["key_encipherment"]), root)


@pytest.mark.parametrize("purpose", [Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH, Purpose.CODE_SIGNING])
def test_a_key_for_one_end_of_tls_is_refused(root: Root, purpose: x509.ObjectIdentifier) -> None:
    refused(WrongUsage, forge(root, purposes=[purpose]), root)


def test_an_unknown_root_is_refused(root: Root) -> None:
    refused(UnknownRoot, forge(make_root(NOW)), root)


def test_a_root_that_came_along_in_the_chain_is_not_trusted_for_that(root: Root) -> None:
    stranger = make_root(NOW)
    refused(UnknownRoot, forge(stranger) + stranger.pem, root)


def test_a_root_of_the_right_name_with_another_key_is_refused(root: Root) -> None:
    impostor = Root(root.certificate, ec.generate_private_key(ec.SECP256R1()))
    refused(UnknownRoot, forge(impostor), root)


def test_a_leaf_cannot_vouch_for_another(root: Root) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    honest = forge(root, ["spiffe://ordermesh.local/inventory"], key=key)
    thief = Root(x509.load_pem_x509_certificate(honest), key)
    refused(UnknownRoot, forge(thief, [ORDERS]) + honest, root)


def test_nothing_below_a_root_may_sign(root: Root) -> None:
    """Not even what the root itself has signed as an authority: its path length is zero."""
    key = ec.generate_private_key(ec.SECP256R1())
    middle = forge(root, ca=True, usage=["key_cert_sign"], key=key)
    between = Root(x509.load_pem_x509_certificate(middle), key)
    refused(UnknownRoot, forge(between) + middle, root)


def test_an_expired_root_proves_nothing() -> None:
    old = make_root(NOW - ROOT_LIFETIME - MINUTE)
    refused(UnknownRoot, forge(old), old)


def test_a_changed_certificate_is_refused(root: Root) -> None:
    der = x509.load_pem_x509_certificate(forge(root)).public_bytes(Encoding.DER)
    other = x509.load_der_x509_certificate(der.replace(b"ordermesh.local/orders", b"ordermesh.local/worker"))
    refused(UnknownRoot, other.public_bytes(Encoding.PEM), root)


@pytest.mark.parametrize(
    "text", [b"", b"tea", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_refused(root: Root, text: bytes) -> None:
    assert "chain" in refused(Malformed, text, root)
    with pytest.raises(Malformed, match="bundle"):
        verify(forge(root), text, NOW)
