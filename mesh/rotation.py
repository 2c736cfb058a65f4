"""Rotation of the root, as a state and its three steps. Pure: no file, no clock.

    STEADY --begin--> TRUSTED --issue_from_new--> ISSUING --drop_old--> STEADY

Between two steps whoever drives the rotation waits: after the first until every proxy has acknowledged the
bundle with both roots, after the second until every leaf comes from the new one.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from mesh.certificates import Root


class Rotation(StrEnum):
    """How far the rotation of the root has come."""

    STEADY = "STEADY"
    """One root, which signs."""
    TRUSTED = "TRUSTED"
    """Old and new are trusted, the old one signs."""
    ISSUING = "ISSUING"
    """Old and new are trusted, the new one signs."""


class WrongStep(Exception):
    """A step of the rotation that does not follow the one before it."""

    def __init__(self, step: str, state: Rotation, wanted: Rotation) -> None:
        super().__init__(f"{step} wants the rotation to be {wanted}; it is {state}")
        self.state = state
        self.wanted = wanted


@dataclass(frozen=True)
class Roots:
    """The trusted roots, oldest first, and which of them signs; raises ValueError if they do not fit."""

    rotation: Rotation
    trusted: tuple[Root, ...]

    def __post_init__(self) -> None:
        wanted = 1 if self.rotation is Rotation.STEADY else 2
        if len(self.trusted) != wanted:
            raise ValueError(f"{len(self.trusted)} roots, where {self.rotation} has {wanted}")
        if self.issuing.private_key is None:
            raise ValueError("the root that signs has no private key")

    @property
    def issuing(self) -> Root:
        """The root that signs new leaves."""
        return self.trusted[-1] if self.rotation is Rotation.ISSUING else self.trusted[0]

    def begin(self, new: Root) -> "Roots":
        """Trust a new root beside the old one."""
        self._require(Rotation.STEADY, "begin_root_rotation")
        return Roots(Rotation.TRUSTED, (*self.trusted, new))

    def issue_from_new(self) -> "Roots":
        """Sign with the new root. The old one's key is forgotten: nothing shall be signed with it again."""
        self._require(Rotation.TRUSTED, "issue_from_new_root")
        old, new = self.trusted
        return Roots(Rotation.ISSUING, (replace(old, private_key=None), new))

    def drop_old(self) -> "Roots":
        """Trust the new root only."""
        self._require(Rotation.ISSUING, "drop_old_root")
        return Roots(Rotation.STEADY, self.trusted[1:])

    def _require(self, wanted: Rotation, step: str) -> None:
        if self.rotation is not wanted:
            raise WrongStep(step, self.rotation, wanted)
