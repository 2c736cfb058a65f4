"""The authority keeps its root over restarts, and changes it in steps that a crash cannot lose."""

import json
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from mesh import private_files
from mesh.authority import Authority, RootExpired, Rotation, TooOpen, Unreadable, WrongStep
from mesh.authority_store import FILE
from mesh.certificates import ROOT_LIFETIME
from mesh.tests.forging import NOW, ORDERS
from mesh.verification import UnknownRoot, verify

HOUR = timedelta(hours=1)
STEPS: dict[Rotation, Callable[[Authority], None]] = {
    Rotation.STEADY: Authority.begin_root_rotation,
    Rotation.TRUSTED: Authority.issue_from_new_root,
    Rotation.ISSUING: Authority.drop_old_root,
}
"""By the state that each step wants."""


def at(directory: Path, now: datetime = NOW) -> Authority:
    return Authority(directory, lambda: now)


def brought_to(directory: Path, state: Rotation) -> Authority:
    authority = at(directory)
    while authority.rotation is not state:
        STEPS[authority.rotation](authority)
    return authority


def issued(authority: Authority) -> bytes:
    return authority.issue("orders", HOUR).certificate_chain


def kept_keys(directory: Path) -> list[bool]:
    return [root["private_key"] is not None for root in json.loads((directory / FILE).read_text())["roots"]]


def test_a_new_authority_issues_what_its_bundle_proves(tmp_path: Path) -> None:
    authority = at(tmp_path)
    assert authority.rotation is Rotation.STEADY
    assert verify(issued(authority), authority.bundle(), NOW) == ORDERS


def test_everything_is_readable_by_the_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "ca"
    brought_to(directory, Rotation.ISSUING)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in directory.iterdir()] == [(FILE, 0o600)]


def test_a_restart_keeps_the_root(tmp_path: Path) -> None:
    before = at(tmp_path)
    chain, bundle = issued(before), before.bundle()
    after = at(tmp_path)
    assert after.bundle() == bundle
    assert verify(chain, after.bundle(), NOW) == ORDERS
    assert verify(issued(after), bundle, NOW) == ORDERS


def test_two_authorities_do_not_trust_each_other(tmp_path: Path) -> None:
    one, two = at(tmp_path / "one"), at(tmp_path / "two")
    with pytest.raises(UnknownRoot):
        verify(issued(one), two.bundle(), NOW)


def test_each_step_opens_as_it_was_left(tmp_path: Path) -> None:
    """A new object for each step, as after a crash between any two."""
    old = at(tmp_path).roots()[0].key_id
    at(tmp_path).begin_root_rotation()
    trusted = at(tmp_path)
    new = trusted.roots()[1].key_id
    assert trusted.rotation is Rotation.TRUSTED
    assert [(root.key_id, root.issuing) for root in trusted.roots()] == [(old, True), (new, False)]
    assert trusted.issue("orders", HOUR).root_id == old

    at(tmp_path).issue_from_new_root()
    issuing = at(tmp_path)
    assert issuing.rotation is Rotation.ISSUING
    assert [(root.key_id, root.issuing) for root in issuing.roots()] == [(old, False), (new, True)]
    assert issuing.issue("orders", HOUR).root_id == new

    at(tmp_path).drop_old_root()
    steady = at(tmp_path)
    assert steady.rotation is Rotation.STEADY
    assert [(root.key_id, root.issuing) for root in steady.roots()] == [(new, True)]


def test_no_leaf_is_refused_between_two_steps_of_a_rotation(tmp_path: Path) -> None:
    """A proxy may be one step behind in its leaf or in its bundle, in either direction."""
    authority = at(tmp_path)
    leaf, bundle = issued(authority), authority.bundle()
    for _ in range(6):  # two whole rotations
        STEPS[authority.rotation](authority)
        next_leaf, next_bundle = issued(authority), authority.bundle()
        if authority.rotation is not Rotation.STEADY:
            assert verify(leaf, next_bundle, NOW) == ORDERS
        assert verify(next_leaf, bundle, NOW) == ORDERS
        assert verify(next_leaf, next_bundle, NOW) == ORDERS
        leaf, bundle = next_leaf, next_bundle


def test_a_dropped_root_is_trusted_no_more(tmp_path: Path) -> None:
    authority = at(tmp_path)
    old = issued(authority)
    authority = brought_to(tmp_path, Rotation.ISSUING)
    assert verify(old, authority.bundle(), NOW) == ORDERS
    authority.drop_old_root()
    with pytest.raises(UnknownRoot):
        verify(old, authority.bundle(), NOW)


def test_the_old_roots_key_is_forgotten_when_the_new_one_signs(tmp_path: Path) -> None:
    brought_to(tmp_path, Rotation.TRUSTED)
    assert kept_keys(tmp_path) == [True, True]
    brought_to(tmp_path, Rotation.ISSUING)
    assert kept_keys(tmp_path) == [False, True]


@pytest.mark.parametrize(("state", "wanted"), [*permutations(Rotation, 2)])
def test_a_step_out_of_order_is_refused_and_changes_nothing(
    tmp_path: Path, state: Rotation, wanted: Rotation
) -> None:
    authority = brought_to(tmp_path, state)
    before = (tmp_path / FILE).read_text()
    with pytest.raises(WrongStep, match=f"root.* wants the rotation to be {wanted}; it is {state}") as caught:
        STEPS[wanted](authority)
    assert (caught.value.state, caught.value.wanted) == (state, wanted)
    assert (tmp_path / FILE).read_text() == before


@pytest.mark.parametrize("state", Rotation)
def test_a_crash_within_a_step_leaves_the_state_before_it(
    tmp_path: Path, state: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = brought_to(tmp_path, state)
    bundle = authority.bundle()

    def die(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            STEPS[state](authority)
    again = at(tmp_path)
    assert (again.rotation, again.bundle()) == (state, bundle)
    STEPS[state](again)
    assert again.rotation is not state


def test_a_rotation_by_another_process_is_seen_at_once(tmp_path: Path) -> None:
    serving, commanding = at(tmp_path), at(tmp_path)
    commanding.begin_root_rotation()
    assert serving.rotation is Rotation.TRUSTED
    assert serving.bundle() == commanding.bundle()


def test_an_authority_at_the_end_of_its_root_issues_again_after_a_rotation(tmp_path: Path) -> None:
    at(tmp_path)
    late = NOW + ROOT_LIFETIME
    authority = at(tmp_path, late)
    with pytest.raises(RootExpired, match="rotate the root"):
        authority.issue("orders", HOUR)
    for state in Rotation:
        STEPS[state](authority)
    assert verify(issued(authority), authority.bundle(), late) == ORDERS


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "{}",
        lambda text: text.replace("STEADY", "TRUSTED"),
        lambda text: text.replace("STEADY", "DONE"),
        lambda text: text.replace('"version": 1', '"version": 2'),
        lambda text: text.replace("BEGIN CERTIFICATE", "BEGIN SOMETHING"),
        lambda text: text.replace("BEGIN PRIVATE KEY", "BEGIN SOMETHING"),
    ],
)
def test_a_damaged_state_is_refused_and_never_replaced(tmp_path: Path, damage: Callable[[str], str]) -> None:
    at(tmp_path)
    before = (tmp_path / FILE).read_text()
    damaged = damage(before)
    assert damaged != before
    private_files.write(tmp_path / FILE, damaged)
    with pytest.raises(Unreadable, match=FILE) as caught:
        at(tmp_path)
    secret = json.loads(before)["roots"][0]["private_key"].splitlines()[1]
    assert secret not in str(caught.value)
    assert (tmp_path / FILE).read_text() == damaged


def test_a_key_of_another_root_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        at(tmp_path / name)
    one, two = (json.loads((tmp_path / name / FILE).read_text()) for name in ("one", "two"))
    one["roots"][0]["private_key"] = two["roots"][0]["private_key"]
    private_files.write(tmp_path / "one" / FILE, json.dumps(one))
    with pytest.raises(Unreadable, match="not the one of its certificate"):
        at(tmp_path / "one")


def test_a_state_that_others_could_read_is_refused(tmp_path: Path) -> None:
    authority = at(tmp_path)
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(TooOpen, match="0640"):
        authority.issue("orders", HOUR)


def test_a_state_that_vanishes_is_not_made_up(tmp_path: Path) -> None:
    authority = at(tmp_path)
    (tmp_path / FILE).unlink()
    with pytest.raises(Unreadable, match="was removed"):
        authority.bundle()
    assert not (tmp_path / FILE).exists()
