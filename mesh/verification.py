"""Whether a peer would take a certificate, and for whom: the rules of an X.509-SVID, each refusal by name.

The path from leaf to root (signatures, lives, constraints of the CAs) is judged by `cryptography`'s verifier,
as for a TLS client, since its server verifier compares DNS names or IP addresses, never a URI. The leaf's own
rules are by hand: the verifier has one error for everything, also for what a custom extension policy raises,
and who asks here wants to know which rule was broken.
"""

from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from mesh.identity import NotAnIdentity, OtherTrustDomain, workload_of

E = TypeVar("E", bound=x509.ExtensionType)

BOTH_ENDS = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


class Unverified(Exception):
    """A certificate that the mesh does not take."""


class Malformed(Unverified):
    """No certificate, or no SPIFFE id of a workload where one should be."""


class AuthorityAsLeaf(Unverified):
    """A certificate that may sign others stands where a workload's should."""


class WrongUsage(Unverified):
    """A key that is not meant for both ends of TLS."""


class NotOneIdentity(Unverified):
    """None or several URIs among the names, where an SVID has exactly one."""


class WrongTrustDomain(Unverified):
    """A workload of another mesh."""


class NotYetValid(Unverified):
    """A certificate from the future."""


class Expired(Unverified):
    """A certificate past its life."""


class UnknownRoot(Unverified):
    """No path of valid signatures leads to a root that is trusted now."""


def verify(chain_pem: bytes, bundle_pem: bytes, now: datetime) -> str:
    """The SPIFFE id that this chain proves to who trusts this bundle; raises Unverified, by its kind."""
    leaf, *intermediates = _load(chain_pem, "chain")
    roots = _load(bundle_pem, "bundle")
    try:
        extensions = leaf.extensions
    except ValueError as error:  # an extension twice, or one that cannot be read
        raise Malformed(f"the certificate's extensions: {error}") from error
    _check_usage(extensions)
    identity = _identity(extensions)
    _check_life(leaf, now)
    try:
        PolicyBuilder().store(Store(roots)).time(now).build_client_verifier().verify(leaf, intermediates)
    except VerificationError as error:
        raise UnknownRoot(f"{identity}: no path to a trusted root ({error})") from error
    return identity


def _load(pem: bytes, what: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise Malformed(f"the {what} holds no certificates") from error


def _check_usage(extensions: x509.Extensions) -> None:
    basic = _extension(extensions, x509.BasicConstraints)
    usage = _extension(extensions, x509.KeyUsage)
    purposes = _extension(extensions, x509.ExtendedKeyUsage)
    if (basic and basic.ca) or (usage and (usage.key_cert_sign or usage.crl_sign)):
        raise AuthorityAsLeaf("a certificate that may sign others is no workload's")
    if usage is None or not usage.digital_signature:
        raise WrongUsage("the key is not meant for signatures")
    if purposes is None or not {*purposes} >= BOTH_ENDS:
        raise WrongUsage("the key is not meant for both ends of TLS")


def _identity(extensions: x509.Extensions) -> str:
    names = _extension(extensions, x509.SubjectAlternativeName)
    uris = names.get_values_for_type(x509.UniformResourceIdentifier) if names else []
    if len(uris) != 1:
        raise NotOneIdentity(f"{len(uris)} URIs among the names; an SVID has exactly one")
    try:
        workload_of(uris[0])
    except OtherTrustDomain as error:
        raise WrongTrustDomain(str(error)) from error
    except NotAnIdentity as error:
        raise Malformed(str(error)) from error
    return uris[0]


def _check_life(leaf: x509.Certificate, now: datetime) -> None:
    if now < leaf.not_valid_before_utc:
        raise NotYetValid(f"valid from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC on")
    if now > leaf.not_valid_after_utc:
        raise Expired(f"valid until {leaf.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC")


def _extension(extensions: x509.Extensions, kind: type[E]) -> E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
