"""How the authority's roots are kept: one private JSON file, so that they change together or not at all."""

from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, ValidationError

from mesh import private_files
from mesh.certificates import Root, private_pem
from mesh.private_files import Unreadable
from mesh.rotation import Roots, Rotation

FILE = "authority.json"


class _Saved(BaseModel):
    # What is read holds private keys, which no error may show.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _SavedRoot(_Saved):
    certificate: str
    private_key: str | None


class _SavedRoots(_Saved):
    version: Literal[1] = 1
    rotation: Rotation
    roots: list[_SavedRoot]


def read(directory: Path) -> Roots | None:
    """What is kept, None if nothing ever was; raises Unreadable rather than begin anew, or TooOpen."""
    path = directory / FILE
    text = private_files.read(path)
    if text is None:
        return None
    try:
        saved = _SavedRoots.model_validate_json(text)
        return Roots(saved.rotation, tuple(_root(root) for root in saved.roots))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}".lstrip(": ") for f in error.errors())
        raise Unreadable(f"{path}: {faults}") from None
    except ValueError as error:
        raise Unreadable(f"{path}: {error}") from error


def write(directory: Path, roots: Roots) -> None:
    """Keep these in place of what was kept."""
    saved = _SavedRoots(rotation=roots.rotation, roots=[_saved(root) for root in roots.trusted])
    private_files.write(directory / FILE, saved.model_dump_json(indent=2) + "\n")


def _saved(root: Root) -> _SavedRoot:
    key = private_pem(root.private_key).decode() if root.private_key else None
    return _SavedRoot(certificate=root.pem.decode(), private_key=key)


def _root(saved: _SavedRoot) -> Root:
    certificate = x509.load_pem_x509_certificate(saved.certificate.encode())
    if saved.private_key is None:
        return Root(certificate, None)
    key = serialization.load_pem_private_key(saved.private_key.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("a root's private key is not the one of its certificate")
    return Root(certificate, key)
