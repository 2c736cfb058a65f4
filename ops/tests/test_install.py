"""What is installed, when it is skipped, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops import install, kafka_jars


def environment_made_from(lock: Path, folder: Path, python: str | None = None) -> Path:
    folder.mkdir()
    stamp = install.stamp_of(lock) if python is None else install.stamp_of(lock, python)
    (folder / "ordermesh-stamp").write_text(stamp)
    return folder


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text("grpcio==1.85.1\n")
    return path


def test_an_environment_made_from_this_lock_is_current(lock: Path, tmp_path: Path) -> None:
    assert install.is_current(environment_made_from(lock, tmp_path / "app"), lock)


def test_a_changed_lock_makes_an_environment_stale(lock: Path, tmp_path: Path) -> None:
    environment = environment_made_from(lock, tmp_path / "app")
    lock.write_text("grpcio==1.86.0\n")
    assert not install.is_current(environment, lock)


def test_another_python_makes_an_environment_stale(lock: Path, tmp_path: Path) -> None:
    environment = environment_made_from(lock, tmp_path / "app", python="3.11.2 (main)")
    assert not install.is_current(environment, lock)


def test_an_unfinished_environment_is_not_current(lock: Path, tmp_path: Path) -> None:
    assert not install.is_current(tmp_path / "never-made", lock)


def test_an_old_python_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "MINIMUM_PYTHON", (99, 0))
    with pytest.raises(install.InstallError, match=r"too old.*make up PYTHON="):
        install.check_machine()


def test_a_full_disk_is_refused_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "DISK_NEEDED", 10**18)
    with pytest.raises(install.InstallError, match="are free under"):
        install.check_disk()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose registry serves two jars."""
    served = tmp_path / "served"
    served.mkdir()
    (tmp_path / "ops").mkdir()
    for name in ("kafka.jar", "scala.jar"):
        (served / name).write_bytes(name.encode())
    monkeypatch.setattr(kafka_jars, "fetch", lambda root: sorted(served.iterdir()))
    kafka_jars.write_list(tmp_path)
    return tmp_path


def test_jars_of_the_committed_list_are_kept(checkout: Path) -> None:
    kafka_jars.install(checkout)
    assert kafka_jars.is_installed(checkout)
    assert (kafka_jars.folder(checkout) / "kafka.jar").read_bytes() == b"kafka.jar"


def test_a_jar_with_other_content_is_refused_by_name(checkout: Path) -> None:
    (checkout / "served" / "scala.jar").write_bytes(b"something else")
    with pytest.raises(kafka_jars.JarMismatchError, match=r"scala\.jar"):
        kafka_jars.install(checkout)
    assert not kafka_jars.is_installed(checkout)


def test_a_jar_that_the_list_does_not_name_is_refused(checkout: Path) -> None:
    (checkout / "served" / "extra.jar").write_bytes(b"")
    with pytest.raises(kafka_jars.JarMismatchError, match=r"extra\.jar"):
        kafka_jars.install(checkout)


def test_a_changed_list_makes_the_jars_stale(checkout: Path) -> None:
    kafka_jars.install(checkout)
    (checkout / "served" / "scala.jar").write_bytes(b"a newer one")
    kafka_jars.write_list(checkout)
    assert not kafka_jars.is_installed(checkout)
