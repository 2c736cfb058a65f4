"""What the mesh's certificates look like: self-signed roots, and X.509-SVIDs that one of them signs."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mesh.identity import TRUST_DOMAIN, spiffe_id

ROOT_LIFETIME = timedelta(days=3650)
BACKDATE = timedelta(minutes=1)
"""A peer whose clock is behind by up to this takes a new certificate at once."""

NO_USAGE = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}
"""x509.KeyUsage wants every bit said; both kinds of certificate start from none."""


class RootExpired(Exception):
    """The root that should sign is past its life: only a rotation helps."""


@dataclass(frozen=True)
class Root:
    """A trusted root. Without its private key it is trusted still, and signs no more."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey | None = field(repr=False)

    @property
    def pem(self) -> bytes:
        """The certificate as it stands in a bundle."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_id(self) -> str:
        """What tells two roots apart, in hexadecimal."""
        extension = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return extension.value.digest.hex()


@dataclass(frozen=True)
class Leaf:
    """An X.509-SVID with its private key, as a sidecar needs both."""

    certificate_chain: bytes
    """PEM; the leaf alone, for its root stands in the bundle."""
    private_key: bytes = field(repr=False)
    """PEM, PKCS #8, not encrypted."""
    not_before: datetime
    not_after: datetime
    spiffe_id: str
    root_id: str
    """The key id of the root that signed it."""


def due_at(leaf: Leaf) -> datetime:
    """When to replace a leaf: at half of its life, counted from its issue and not from its backdated start.

    Else a leaf that lives for less than a minute would be due before it is issued.
    """
    issued = leaf.not_before + BACKDATE
    return issued + (leaf.not_after - issued) / 2


def is_due(leaf: Leaf, now: datetime) -> bool:
    """Whether it is time to replace this leaf."""
    return now >= due_at(leaf)


def make_root(now: datetime) -> Root:
    """A new root with a key and a name of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # Old and new root are trusted together in a rotation: a verifier that looks issuers up by name
    # must not mistake one for the other.
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"{TRUST_DOMAIN} root {key_id.digest.hex()[:16]}")]
    )
    start = _whole_seconds(now)
    certificate = (
        _builder(key, start - BACKDATE, start + ROOT_LIFETIME)
        .subject_name(name)
        .issuer_name(name)
        # Leaves are signed directly: a leaf can never become an intermediate.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(key_id, critical=False)
        .add_extension(_uri(f"spiffe://{TRUST_DOMAIN}"), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Root(certificate, key)


def make_leaf(root: Root, workload: str, lifetime: timedelta, now: datetime) -> Leaf:
    """An SVID for a workload, which does not outlive its root; raises RootExpired, or ValueError."""
    if root.private_key is None:
        raise ValueError("this root has no private key any more")
    if lifetime < timedelta(seconds=1):
        raise ValueError(f"a certificate lives for whole seconds, at least one: {lifetime}")
    issued, root_end = _whole_seconds(now), root.certificate.not_valid_after_utc
    if issued >= root_end:
        raise RootExpired(f"root {root.key_id} ended at {root_end:%Y-%m-%d %H:%M:%S} UTC: rotate the root")
    key = ec.generate_private_key(ec.SECP256R1())
    start, end = issued - BACKDATE, min(_whole_seconds(issued + lifetime), root_end)
    certificate = (
        _builder(key, start, end)
        # The identity is the URI; SPIFFE wants the name critical where there is no subject.
        .subject_name(x509.Name([]))
        .issuer_name(root.certificate.subject)
        .add_extension(_uri(spiffe_id(workload)), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage("digital_signature"), critical=True)
        .add_extension(_both_ends(), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root.private_key.public_key()), critical=False
        )
        .sign(root.private_key, hashes.SHA256())
    )
    chain = certificate.public_bytes(serialization.Encoding.PEM)
    return Leaf(chain, private_pem(key), start, end, spiffe_id(workload), root.key_id)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PEM. Not encrypted: what protects it is the mode of the file that it goes into."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(key: ec.EllipticCurvePrivateKey, start: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def usage(*named: str) -> x509.KeyUsage:
    """What a key may be used for, by the names that x509.KeyUsage has, and nothing else."""
    return x509.KeyUsage(**NO_USAGE | dict.fromkeys(named, True))


def _both_ends() -> x509.ExtendedKeyUsage:
    """A workload calls and is called."""
    return x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


def _uri(identity: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)])


def _whole_seconds(moment: datetime) -> datetime:
    """X.509 knows no fractions; a naive time is refused, for it would silently be taken for UTC."""
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment.replace(microsecond=0)
