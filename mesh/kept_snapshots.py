"""What each node has taken in full, as a file of its own: with it a sidecar can start anew on its own.

The files hold private keys, so only their owner reads them. They are written beside the streams, some moments
after the node has taken up what they hold; `mesh.node_cache` reads them.
"""

from __future__ import annotations

import threading
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any as Anything
from typing import Literal

from cryptography import x509
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from google.protobuf.any_pb2 import Any
from pydantic import BaseModel, ConfigDict, ValidationError

from mesh import private_files
from mesh.private_files import Unreadable
from mesh.proxies import Node
from mesh.snapshot import SECRET, Snapshot
from mesh.tls import IDENTITY

FOLDER = "nodes"
SUFFIX = ".snapshot"


class _Saved(BaseModel):
    # What is read holds private keys, which no error may show.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    version: Literal[1] = 1
    node: dict[str, Anything]
    resources: dict[str, dict[str, str]]  # by type and name, in base64


@dataclass(frozen=True)
class Kept:
    """A node as it was, and what it had taken."""

    node: Node
    snapshot: Snapshot

    @property
    def expires(self) -> datetime | None:
        """When its certificate ends; None if it has none."""
        found = self.snapshot.resources.get(SECRET, {}).get(IDENTITY)
        if found is None:
            return None
        chain = Secret.FromString(found.value).tls_certificate.certificate_chain.inline_bytes
        return x509.load_pem_x509_certificate(chain).not_valid_after_utc


class KeptSnapshots:
    """The files of all nodes, in one folder. Who only reads may be there before it, and where nothing may be
    written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / FOLDER
        self._last: dict[str, Kept] = {}
        self._unwritten: set[str] = set()
        self._writing = threading.Lock()

    def taken(self, node: Node, snapshot: Snapshot) -> None:
        """Keep this for the node, with the next `write`; what is kept already is not written again."""
        kept = Kept(node, snapshot)
        if self._last.get(node.node_id) != kept:
            self._last[node.node_id] = kept
            self._unwritten.add(node.node_id)

    def write(self) -> None:
        """Put on the disk what was taken since the last time. Blocks: for a thread beside the streams.

        Raises OSError when the disk does not take it; the next call tries again.
        """
        with self._writing:
            while self._unwritten:
                node_id = self._unwritten.pop()
                kept = self._last.get(node_id)
                if kept is None:
                    continue
                try:
                    private_files.make_folder(self._directory)
                    private_files.write(self._path(node_id), _text(kept))
                except OSError:
                    self._unwritten.add(node_id)
                    raise

    def forget(self, node_id: str) -> None:
        """Remove what is kept for a node that is gone for good."""
        with self._writing:
            self._last.pop(node_id, None)
            self._path(node_id).unlink(missing_ok=True)

    def read(self, node_id: str) -> Kept | None:
        """What is on the disk for a node; None if nothing is. Raises Unreadable, or TooOpen."""
        path = self._path(node_id)
        text = private_files.read(path)
        if text is None:
            return None
        try:
            saved = _Saved.model_validate_json(text)
            return Kept(Node(**saved.node), _snapshot(saved))
        except (ValidationError, ValueError, TypeError):
            # The original error may hold a key.
            raise Unreadable(f"{path} is not what was written: remove it") from None

    def _path(self, node_id: str) -> Path:
        return self._directory / f"{node_id}{SUFFIX}"


def _text(kept: Kept) -> str:
    resources = {
        type_url: {name: b64encode(found.value).decode() for name, found in named.items()}
        for type_url, named in kept.snapshot.resources.items()
    }
    return _Saved(node=asdict(kept.node), resources=resources).model_dump_json()


def _snapshot(saved: _Saved) -> Snapshot:
    return Snapshot(
        {
            type_url: {
                name: Any(type_url=type_url, value=b64decode(text, validate=True))
                for name, text in named.items()
            }
            for type_url, named in saved.resources.items()
        }
    )
