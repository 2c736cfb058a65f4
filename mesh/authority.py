"""The mesh's own certificate authority: issues workloads' certificates, rotates its root in explicit steps.

No copy of its state is kept in memory: the file is read for each operation, for certificates are issued
rarely. So a rotation that one process drives is seen by another at once, and a crash loses nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mesh import authority_store, private_files
from mesh.certificates import Leaf, RootExpired, due_at, is_due, make_leaf, make_root
from mesh.private_files import TooOpen, Unreadable
from mesh.rotation import Roots, Rotation, WrongStep

__all__ = [
    "Authority",
    "Leaf",
    "RootExpired",
    "RootStatus",
    "Rotation",
    "TooOpen",
    "Unreadable",
    "WrongStep",
    "due_at",
    "is_due",
]


@dataclass(frozen=True)
class RootStatus:
    """A trusted root, as an operator sees it."""

    key_id: str
    not_after: datetime
    issuing: bool


class Authority:
    """The certificate authority that is kept in a folder; makes its first root if there is none."""

    def __init__(self, directory: Path, now: Callable[[], datetime]) -> None:
        self._directory = directory
        self._now = now
        private_files.make_folder(directory)
        with private_files.exclusive(directory):
            if authority_store.read(directory) is None:
                authority_store.write(directory, Roots(Rotation.STEADY, (make_root(now()),)))

    @property
    def rotation(self) -> Rotation:
        """How far the rotation of the root has come."""
        return self._read().rotation

    def roots(self) -> tuple[RootStatus, ...]:
        """All trusted roots, oldest first."""
        roots = self._read()
        return tuple(
            RootStatus(root.key_id, root.certificate.not_valid_after_utc, root is roots.issuing)
            for root in roots.trusted
        )

    def bundle(self) -> bytes:
        """All trusted roots as PEM, oldest first."""
        return b"".join(root.pem for root in self._read().trusted)

    def issue(self, workload: str, lifetime: timedelta) -> Leaf:
        """A new certificate and key for a workload; it ends with its root if that comes first."""
        return make_leaf(self._read().issuing, workload, lifetime, self._now())

    def begin_root_rotation(self) -> None:
        """Trust a new root beside the old one; leaves still come from the old one."""
        self._step(lambda roots: roots.begin(make_root(self._now())))

    def issue_from_new_root(self) -> None:
        """Sign leaves with the new root from now on. Before: every proxy has the bundle with both roots."""
        self._step(Roots.issue_from_new)

    def drop_old_root(self) -> None:
        """Trust the new root only. Before: every proxy has a leaf from the new root."""
        self._step(Roots.drop_old)

    def _step(self, step: Callable[[Roots], Roots]) -> None:
        with private_files.exclusive(self._directory):
            authority_store.write(self._directory, step(self._read()))

    def _read(self) -> Roots:
        roots = authority_store.read(self._directory)
        if roots is None:
            raise Unreadable(f"{self._directory / authority_store.FILE} was removed while it was in use")
        return roots
