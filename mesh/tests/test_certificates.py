"""A workload's certificate is an X.509-SVID, and is due at half of its life."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from hypothesis import given
from hypothesis import strategies as st

from mesh.certificates import BACKDATE, Leaf, Root, RootExpired, due_at, is_due, make_leaf, make_root
from mesh.identity import NotAnIdentity
from mesh.tests.forging import MINUTE, NOW, ORDERS

HOUR = timedelta(hours=1)
LIFETIMES = st.timedeltas(min_value=timedelta(seconds=2), max_value=timedelta(days=3650))


@pytest.fixture(scope="module")
def root() -> Root:
    return make_root(NOW)


@pytest.fixture(scope="module")
def leaf(root: Root) -> Leaf:
    return make_leaf(root, "orders", HOUR, NOW + timedelta(milliseconds=700))


@pytest.fixture(scope="module")
def certificate(leaf: Leaf) -> x509.Certificate:
    (only,) = x509.load_pem_x509_certificates(leaf.certificate_chain)
    return only


def lived(life: timedelta) -> Leaf:
    return Leaf(b"", b"", NOW - BACKDATE, NOW + life, ORDERS, "")


def test_a_leaf_has_exactly_one_name_and_it_is_critical(certificate: x509.Certificate) -> None:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert (list(names.value), names.critical) == ([x509.UniformResourceIdentifier(ORDERS)], True)
    assert certificate.subject == x509.Name([])


def test_a_leaf_is_no_authority(certificate: x509.Certificate) -> None:
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.value.ca, basic.critical) == (False, True)


def test_a_leafs_key_signs_and_does_nothing_else(certificate: x509.Certificate) -> None:
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    said = usage.value
    assert usage.critical
    assert said.digital_signature
    assert not any(
        (said.content_commitment, said.key_encipherment, said.data_encipherment, said.key_agreement)
    )
    assert not (said.key_cert_sign or said.crl_sign)


def test_a_leaf_is_for_both_ends_of_tls(certificate: x509.Certificate) -> None:
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(purposes) == {Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH}


def test_a_leaf_lives_from_a_minute_ago_in_whole_seconds(leaf: Leaf, certificate: x509.Certificate) -> None:
    assert (leaf.not_before, leaf.not_after) == (NOW - MINUTE, NOW + HOUR)
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (NOW - MINUTE, NOW + HOUR)


def test_a_leafs_key_is_its_certificates_and_not_shown(leaf: Leaf, certificate: x509.Certificate) -> None:
    key = serialization.load_pem_private_key(leaf.private_key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert key.public_key() == certificate.public_key()
    assert "PRIVATE" not in repr(leaf)


def test_a_leaf_names_the_root_that_signed_it(root: Root, leaf: Leaf, certificate: x509.Certificate) -> None:
    authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert authority.key_identifier is not None
    assert leaf.root_id == root.key_id == authority.key_identifier.hex()
    certificate.verify_directly_issued_by(root.certificate)


def test_no_two_leaves_share_a_serial_number_or_a_key(root: Root, leaf: Leaf) -> None:
    other = make_leaf(root, "orders", HOUR, NOW)
    one, two = (x509.load_pem_x509_certificate(each.certificate_chain) for each in (leaf, other))
    assert one.serial_number != two.serial_number
    assert one.public_key() != two.public_key()


def test_a_root_may_sign_leaves_and_nothing_below_them(root: Root) -> None:
    basic = root.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = root.certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert (basic.value, basic.critical) == (x509.BasicConstraints(ca=True, path_length=0), True)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    assert "PRIVATE" not in repr(root)


def test_roots_are_told_apart_by_name_and_by_key(root: Root) -> None:
    other = make_root(NOW)
    assert other.key_id != root.key_id
    assert other.certificate.subject != root.certificate.subject


def test_a_leaf_does_not_outlive_its_root(root: Root) -> None:
    end = root.certificate.not_valid_after_utc
    assert make_leaf(root, "orders", HOUR, end - MINUTE).not_after == end
    with pytest.raises(RootExpired, match="rotate the root"):
        make_leaf(root, "orders", HOUR, end)


def test_what_cannot_be_issued_is_refused(root: Root) -> None:
    with pytest.raises(NotAnIdentity):
        make_leaf(root, "orders/admin", HOUR, NOW)
    with pytest.raises(ValueError, match="at least one"):
        make_leaf(root, "orders", timedelta(milliseconds=999), NOW)
    with pytest.raises(ValueError, match="without its zone"):
        make_leaf(root, "orders", HOUR, NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="no private key"):
        make_leaf(Root(root.certificate, None), "orders", HOUR, NOW)


@given(LIFETIMES)
def test_a_leaf_is_due_at_half_of_its_life_and_not_before(life: timedelta) -> None:
    leaf = lived(life)
    assert not is_due(leaf, NOW)
    assert not is_due(leaf, due_at(leaf) - timedelta.resolution)
    assert is_due(leaf, due_at(leaf))
    assert is_due(leaf, leaf.not_after)
    assert abs((due_at(leaf) - NOW) - (leaf.not_after - due_at(leaf))) <= timedelta.resolution


def test_a_leaf_of_ten_seconds_is_due_after_five() -> None:
    assert due_at(lived(timedelta(seconds=10))) == datetime(2026, 3, 14, 15, 9, 31, tzinfo=UTC)
