"""A policy that is changed holds at once; one that is broken holds for nobody, nor after a restart."""

from pathlib import Path

import pytest

from mesh.policy import Policy
from mesh.policy_nodes import PolicyError
from mesh.policy_watch import PolicyWatch
from mesh.snapshot import Snapshot

ROOT = Path(__file__).resolve().parents[2]
GOOD = (ROOT / "envoy" / "mesh.yaml").read_text()
BROKEN = GOOD.replace("{from: orders, to: products, methods: [BatchGetProducts]}", "{from: orders}")
OTHER = GOOD.replace("ReserveStock, ReleaseStock, CommitStock", "ReserveStock, ReleaseStock", 1)


class Told:
    """Who obeys, for a test."""

    def __init__(self) -> None:
        self.policies: list[Policy] = []

    def snapshots(self, policy: Policy) -> list[Snapshot]:
        return []

    def obey(self, policy: Policy) -> None:
        self.policies.append(policy)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "mesh.yaml"
    found.write_text(GOOD)
    return found


async def test_a_change_holds_once_and_a_broken_one_for_nobody(path: Path, tmp_path: Path) -> None:
    watch, told = PolicyWatch(path, tmp_path, None), Told()
    first = watch.first()
    assert first.allowed("orders", "inventory", "CommitStock")
    await watch.look(told.snapshots, told.obey)
    assert told.policies == []
    path.write_text(OTHER)
    for _ in range(2):
        await watch.look(told.snapshots, told.obey)
    (policy,) = told.policies
    assert not policy.allowed("orders", "inventory", "CommitStock")
    path.write_text(BROKEN)
    await watch.look(told.snapshots, told.obey)
    assert len(told.policies) == 1
    assert "mesh.yaml" not in watch.mistakes
    assert "line" in watch.mistakes


def test_a_start_with_a_broken_file_goes_on_with_the_last_good_one(path: Path, tmp_path: Path) -> None:
    path.write_text(OTHER)
    PolicyWatch(path, tmp_path, None).first()
    path.write_text(BROKEN)
    again = PolicyWatch(path, tmp_path, None)
    assert not again.first().allowed("orders", "inventory", "CommitStock")
    assert again.mistakes


def test_a_first_start_with_a_broken_file_says_what_is_wrong(path: Path, tmp_path: Path) -> None:
    path.write_text(BROKEN)
    with pytest.raises(PolicyError, match="line"):
        PolicyWatch(path, tmp_path, None).first()
