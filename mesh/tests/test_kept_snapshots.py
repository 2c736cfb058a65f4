"""What a node has taken is kept for itself only, and given to it only as long as it can be used."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from kit.errors import Problem
from mesh.authority import Authority
from mesh.identity import TRUST_DOMAIN
from mesh.kept_snapshots import Kept, KeptSnapshots
from mesh.node_cache.kept_world import KeptWorld
from mesh.private_files import Unreadable
from mesh.proxies import Node
from mesh.snapshot import CLUSTER, SECRET, Snapshot, packed
from mesh.tls import secrets

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NODE = Node("orders-1", "orders", "127.0.0.1", 15053, "run/egress", "run/application", "v1")


@pytest.fixture
def kept(tmp_path: Path) -> KeptSnapshots:
    return KeptSnapshots(tmp_path)


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """With a certificate until one o'clock."""
    authority = Authority(tmp_path / "ca", lambda: NOON)
    leaf = authority.issue("orders", HOUR)
    return Snapshot(
        {
            CLUSTER: packed({"inventory": Cluster(name="inventory")}),
            SECRET: packed(
                secrets(TRUST_DOMAIN, leaf.certificate_chain, leaf.private_key, authority.bundle())
            ),
        }
    )


def stored(kept: KeptSnapshots, snapshot: Snapshot) -> None:
    kept.taken(NODE, snapshot)
    kept.write()


def reason(kept: KeptSnapshots, node: Node, now: datetime = NOON) -> str:
    """Why the cache would tell this node nothing; empty if it would."""
    try:
        KeptWorld(kept, lambda: now).check(node)
    except Problem as problem:
        return problem.reason
    return ""


def test_what_was_taken_is_read_back_as_it_was(kept: KeptSnapshots, snapshot: Snapshot) -> None:
    stored(kept, snapshot)
    found = kept.read("orders-1")
    assert found == Kept(NODE, snapshot)
    assert found.expires == NOON + HOUR


def test_the_file_with_the_key_is_its_owners_only(
    kept: KeptSnapshots, snapshot: Snapshot, tmp_path: Path
) -> None:
    stored(kept, snapshot)
    assert stat.S_IMODE((tmp_path / "nodes").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "nodes" / "orders-1.snapshot").stat().st_mode) == 0o600


def test_what_is_the_same_is_not_written_again(
    kept: KeptSnapshots, snapshot: Snapshot, tmp_path: Path
) -> None:
    stored(kept, snapshot)
    (tmp_path / "nodes" / "orders-1.snapshot").unlink()
    stored(kept, Snapshot(dict(snapshot.resources)))
    assert kept.read("orders-1") is None
    stored(kept, Snapshot({SECRET: snapshot.resources[SECRET]}))
    assert kept.read("orders-1") is not None


def test_what_the_disk_did_not_take_is_written_the_next_time(
    kept: KeptSnapshots, snapshot: Snapshot, tmp_path: Path
) -> None:
    (tmp_path / "nodes").write_text("in the way")
    with pytest.raises(FileExistsError):
        stored(kept, snapshot)
    (tmp_path / "nodes").unlink()
    kept.write()
    assert kept.read("orders-1") == Kept(NODE, snapshot)


def test_who_reads_before_anything_was_written_makes_nothing(kept: KeptSnapshots, tmp_path: Path) -> None:
    assert kept.read("orders-1") is None
    assert list(tmp_path.iterdir()) == []


def test_what_is_forgotten_before_it_was_written_never_is(kept: KeptSnapshots, snapshot: Snapshot) -> None:
    kept.taken(NODE, snapshot)
    kept.forget("orders-1")
    kept.write()
    assert kept.read("orders-1") is None


def test_a_broken_file_is_refused_without_what_is_in_it(
    kept: KeptSnapshots, snapshot: Snapshot, tmp_path: Path
) -> None:
    stored(kept, snapshot)
    path = tmp_path / "nodes" / "orders-1.snapshot"
    path.write_text(path.read_text().replace('"version":1', '"version":2'))
    with pytest.raises(Unreadable) as caught:
        kept.read("orders-1")
    assert "orders-1.snapshot is not what was written" in str(caught.value)
    assert "resources" not in str(caught.value)
    assert reason(kept, NODE) == "NOTHING_KEPT"


def test_a_node_is_told_what_it_had_also_if_its_application_is_of_another_version(
    kept: KeptSnapshots, snapshot: Snapshot
) -> None:
    stored(kept, snapshot)
    again = Node("orders-1", "orders", "127.0.0.1", 15053, "run/egress", "run/application", "v2")
    world = KeptWorld(kept, lambda: NOON)
    world.check(again)
    assert world.snapshot(again) == snapshot


def test_a_node_with_nothing_or_at_another_address_or_past_its_certificate_is_told_nothing(
    kept: KeptSnapshots, snapshot: Snapshot
) -> None:
    assert reason(kept, NODE) == "NOTHING_KEPT"
    stored(kept, snapshot)
    moved = Node("orders-1", "orders", "127.0.0.1", 15099, "run/egress", "run/application", "v1")
    assert reason(kept, moved) == "NODE_MOVED"
    assert reason(kept, NODE, NOON + HOUR - timedelta(seconds=1)) == ""
    assert reason(kept, NODE, NOON + HOUR) == "CERTIFICATE_EXPIRED"
