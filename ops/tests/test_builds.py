"""Copies of the worker's code, and the name that each has from what is in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ops import builds

FILES = {
    "workflows/saga.py": "STEPS = 3\n",
    "workflows/tests/test_saga.py": "def test(): ...\n",
    "kit/run.py": "RUN = 1\n",
    "kit/testing/serve.py": "SERVE = 1\n",
    "protos/gen/python/ordermesh/order_pb2.py": "ORDER = 1\n",
    "protos/gen/python/ordermesh/order_pb2.pyi": "ORDER: int\n",
    "services/orders/domain.py": "STATE = 1\n",
}
RUNS = ["kit/run.py", "protos/gen/python/ordermesh/order_pb2.py", "workflows/saga.py"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_build_is_what_the_worker_can_run(checkout: Path) -> None:
    assert [str(path) for path in builds.sources(checkout)] == RUNS


@pytest.mark.parametrize("name", RUNS)
def test_every_source_makes_another_build(checkout: Path, name: str) -> None:
    before = builds.build_id(checkout)
    (checkout / name).write_text("CHANGED = 1\n")
    assert builds.build_id(checkout) != before


def test_a_source_that_is_added_moved_or_removed_makes_another_build(checkout: Path) -> None:
    seen = [builds.build_id(checkout)]
    (checkout / "kit" / "new.py").write_text("")
    seen.append(builds.build_id(checkout))
    (checkout / "kit" / "new.py").rename(checkout / "workflows" / "new.py")
    seen.append(builds.build_id(checkout))
    assert len(set(seen)) == 3
    (checkout / "workflows" / "new.py").unlink()
    assert builds.build_id(checkout) == seen[0]


@pytest.mark.parametrize("name", sorted(set(FILES) - set(RUNS)))
def test_what_the_worker_does_not_run_makes_no_other_build(checkout: Path, name: str) -> None:
    before = builds.build_id(checkout)
    (checkout / name).write_text("CHANGED = 1\n")
    os.utime(checkout / RUNS[0], (1, 1))
    assert builds.build_id(checkout) == before


def test_a_copy_has_the_name_of_its_content_and_knows_its_environment(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    build = builds.keep(checkout, folder, {"WORKFLOWS_PROFILE": "dev"})
    assert build == builds.build_id(folder / build) == builds.build_id(checkout)
    assert builds.keep(checkout, folder, {"WORKFLOWS_PROFILE": "later"}) == build
    assert builds.kept(folder) == {build: {"WORKFLOWS_PROFILE": "dev"}}


def test_a_copy_that_was_not_finished_is_none(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / builds.UNFINISHED / "workflows").mkdir(parents=True)
    (tmp_path / builds.UNFINISHED / "workflows" / "half.py").write_text("")
    assert builds.kept(tmp_path) == {}
    build = builds.keep(checkout, tmp_path, {})
    assert not (tmp_path / build / "workflows" / "half.py").exists()


def test_only_a_build_that_was_never_offered_is_dropped(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    made = []
    for word in ("first", "broken", "today"):
        (checkout / "workflows" / "saga.py").write_text(word)
        made.append(builds.keep(checkout, folder, {}))
    first, _, today = made
    builds.offer(folder, first)
    builds.drop_unoffered(folder, besides=today)
    assert set(builds.kept(folder)) == {first, today}
