"""The certificate of the edge's TLS door, and the local authority that signs it: made by `make up`, for this
machine only.

Of all names the authority can sign for localhost alone, so that a browser which is told to trust it gives
nobody a way to other sites. (Addresses are not bounded: gRPC's TLS refuses such a bound as unknown.) It has
nothing to do with the mesh's own (mesh/authority.py).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mesh.certificates import private_pem, usage
from ops.state import write_private

AUTHORITY, AUTHORITY_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "edge.crt", "edge.key"
AUTHORITY_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=90)
RENEWED_BEFORE = timedelta(days=30)
BACKDATE = timedelta(minutes=5)
HOSTS: Sequence[x509.GeneralName] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)


def ensure(folder: Path, now: datetime) -> None:
    """Make what is missing in a folder, or renew a certificate near its end; in PEM, keys with mode 0600."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if not all((folder / name).is_file() for name in (AUTHORITY, AUTHORITY_KEY)):
        _write(folder, AUTHORITY, AUTHORITY_KEY, *_authority(now))
        (folder / CERTIFICATE).unlink(missing_ok=True)
    if _ends(folder / CERTIFICATE) - now < RENEWED_BEFORE or not (folder / KEY).is_file():
        authority = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
        key = serialization.load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - we wrote it
        _write(folder, CERTIFICATE, KEY, *_leaf(authority, key, now))


def _ends(path: Path) -> datetime:
    if not path.is_file():
        return datetime.min.replace(tzinfo=UTC)
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _authority(now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("OrderMesh on this machine")
    unsigned = (
        _builder(name, name, key.public_key(), now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.NameConstraints([x509.DNSName("localhost")], None), critical=True)
    )
    return unsigned.sign(key, hashes.SHA256()), key


def _leaf(
    authority: x509.Certificate, signer: ec.EllipticCurvePrivateKey, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    unsigned = (
        _builder(_name("localhost"), authority.subject, key.public_key(), now, LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(HOSTS), critical=False)
        .add_extension(above, critical=False)
    )
    return unsigned.sign(signer, hashes.SHA256()), key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write(
    folder: Path, name: str, key_name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    write_private(folder / key_name, private_pem(key).decode())
    write_private(folder / name, certificate.public_bytes(serialization.Encoding.PEM).decode())
