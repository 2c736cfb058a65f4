"""Certificates that nobody should take: each is right but for what a test says about it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from cryptography.x509.oid import ObjectIdentifier

from mesh.certificates import NO_USAGE, Root

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ORDERS = "spiffe://ordermesh.local/orders"


def forge(
    root: Root,
    uris: Sequence[str] = (ORDERS,),
    *,
    ca: bool = False,
    usage: Sequence[str] = ("digital_signature",),
    purposes: Sequence[ObjectIdentifier] = (Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH),
    life: tuple[datetime, datetime] = (NOW - MINUTE, NOW + MINUTE),
    key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """A certificate for these names that the root has signed, as PEM."""
    assert root.private_key is not None
    subject_key = key or ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(root.certificate.subject)
        .public_key(subject_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(life[0])
        .not_valid_after(life[1])
        .add_extension(
            x509.SubjectAlternativeName([*names, x509.DNSName("orders.ordermesh.local")]), critical=True
        )
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**NO_USAGE | dict.fromkeys(usage, True)), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root.private_key.public_key()), critical=False
        )
        .sign(root.private_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
