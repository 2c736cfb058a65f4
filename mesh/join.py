"""Join credentials: how a sidecar proves to the control plane beside which instance of a workload it stands.

Each instance has a random token, bound to its node id and its workload. The sidecar has it in a file of its
own; the control plane keeps a hash only. One round of SHA-256 without a salt is enough for a token of 256
random bits, which nobody can guess from its hash, unlike a password.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kit.errors import Problem
from mesh import private_files
from mesh.identity import check_workload
from mesh.private_files import TooOpen, Unreadable

FILE = "join.json"

_NODE_ID = re.compile(r"[a-z0-9][a-z0-9._~:-]{0,127}")
_NOBODY = "0" * 64
"""Compared with when nothing is known of a node, so that this takes as long as a wrong token."""


class JoinRefused(Problem):
    """No such node, or not its credential: a stranger is not told which."""

    def __init__(self) -> None:
        super().__init__("denied", "JOIN_REFUSED", "no such node, or not its credential")


class NodeTaken(Exception):
    """A node id that is another workload's, until it is revoked."""


class _Saved(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _Node(_Saved):
    workload: str
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Nodes(_Saved):
    version: Literal[1] = 1
    nodes: dict[str, _Node] = {}


class JoinCredentials:
    """The credentials of all nodes, kept in a folder. Each call reads them, so processes may share it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / FILE
        private_files.make_folder(directory)

    def hand_out(self, node_id: str, workload: str, token_file: Path) -> None:
        """Put the node's token into this file. A file that holds its valid token is left alone.

        So handing out twice does not lock out a sidecar that runs already.
        Raises NodeTaken, or ValueError for a name that cannot be one.
        """
        if not _NODE_ID.fullmatch(node_id):
            raise ValueError(f"{node_id!r} is no node id: up to 128 lower-case letters, digits and . _ ~ : -")
        check_workload(workload)
        with private_files.exclusive(self._directory):
            nodes = self._read()
            known = nodes.get(node_id)
            if known and known.workload != workload:
                raise NodeTaken(f"node {node_id} is of {known.workload}: revoke it first")
            if known and _fits(known.digest, node_id, workload, _held(token_file)):
                return
            token = secrets.token_urlsafe(32)
            node = _Node(workload=workload, digest=_digest(node_id, workload, token))
            self._write(nodes | {node_id: node})
            # Last: a sidecar that finds a token there is let in with it.
            private_files.write(token_file, token)

    def admit(self, node_id: str, workload: str, token: str) -> None:
        """Return if the token is this node's and the node this workload's; else raise JoinRefused."""
        known = self._read().get(node_id)
        if not _fits(known.digest if known else _NOBODY, node_id, workload, token):
            raise JoinRefused

    def revoke(self, node_id: str) -> bool:
        """Let a node in no more; whether it was let in before. Its open streams are the caller's to end."""
        with private_files.exclusive(self._directory):
            nodes = self._read()
            if node_id not in nodes:
                return False
            self._write({name: node for name, node in nodes.items() if name != node_id})
            return True

    def nodes(self) -> Mapping[str, str]:
        """The workload of each node that may join."""
        return {name: node.workload for name, node in self._read().items()}

    def _read(self) -> dict[str, _Node]:
        text = private_files.read(self._path)
        if text is None:
            return {}
        try:
            return _Nodes.model_validate_json(text).nodes
        except ValidationError as error:
            raise Unreadable(f"{self._path}: {error.error_count()} faults, not what was written") from None

    def _write(self, nodes: dict[str, _Node]) -> None:
        private_files.write(self._path, _Nodes(nodes=nodes).model_dump_json(indent=2) + "\n")


def _digest(node_id: str, workload: str, token: str) -> str:
    """Binds the three: a list in JSON can be read in one way only, whatever a stranger puts in."""
    return hashlib.sha256(json.dumps([node_id, workload, token]).encode()).hexdigest()


def _fits(digest: str, node_id: str, workload: str, token: str) -> bool:
    return hmac.compare_digest(digest, _digest(node_id, workload, token))


def _held(token_file: Path) -> str:
    """The token in a sidecar's file; none if others could read it."""
    try:
        return private_files.read(token_file) or ""
    except (TooOpen, Unreadable):
        return ""
