"""Which build of the worker is wanted, and which old ones have to stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ops import builds, state, versions
from ops.errors import SuiteError
from ops.site import Site, Workers

ZERO, THEN = "1970-01-01T00:00:00Z", "2026-11-24T10:00:00Z"


@pytest.fixture
def scratch(site: Site, tmp_path: Path) -> Site:
    """A site whose checkout has a worker of one file."""
    checkout = tmp_path / "checkout"
    (checkout / "workflows").mkdir(parents=True)
    (checkout / "workflows" / "saga.py").write_text("first")
    return replace(site, root=checkout)


def changed(site: Site, text: str) -> Site:
    (site.root / "workflows" / "saga.py").write_text(text)
    return site


def test_without_being_asked_nothing_is_versioned(scratch: Site) -> None:
    assert versions.choose(scratch, {}).workers == Workers()
    assert not scratch.builds.exists()


def test_a_change_of_the_checkout_is_a_new_build_beside_the_old_one(scratch: Site) -> None:
    one = versions.choose(scratch, {"VERSIONED": "1"})
    builds.offer(one.builds, one.workers.build)
    assert versions.choose(one, {}) == one
    two = versions.choose(changed(one, "second"), {})
    assert two.workers.build == builds.build_id(scratch.root) != one.workers.build
    assert set(two.workers.old) == {one.workers.build}
    assert state.workers(scratch.directory) == two.workers


def test_a_build_that_comes_back_is_no_old_one_any_more(scratch: Site) -> None:
    one = versions.choose(scratch, {"VERSIONED": "1"})
    builds.offer(one.builds, one.workers.build)
    two = versions.choose(changed(one, "second"), {})
    builds.offer(two.builds, two.workers.build)
    back = versions.choose(changed(two, "first"), {})
    assert (back.workers.build, set(back.workers.old)) == (one.workers.build, {two.workers.build})


def test_turned_off_what_was_current_stays_as_an_old_build(scratch: Site) -> None:
    on = versions.choose(scratch, {"VERSIONED": "1"})
    builds.offer(on.builds, on.workers.build)
    off = versions.choose(on, {"VERSIONED": "0"})
    assert (off.workers.build, set(off.workers.old)) == ("", {on.workers.build})
    assert versions.choose(off, {}) == off


def test_a_build_that_never_came_to_anything_is_forgotten_with_the_next(scratch: Site) -> None:
    broken = versions.choose(scratch, {"VERSIONED": "1"})
    mended = versions.choose(changed(broken, "mended"), {})
    assert mended.workers.old == {}


def test_a_wish_that_is_none_is_refused(scratch: Site) -> None:
    with pytest.raises(SuiteError, match="VERSIONED=yes: it is 1 or 0"):
        versions.choose(scratch, {"VERSIONED": "yes"})


@pytest.mark.parametrize(
    ("status", "routed", "reason"),
    [
        ("draining", THEN, "draining"),
        ("drained", THEN, None),
        ("", THEN, "current"),
        ("", ZERO, None),
        ("", "0001-01-01T00:00:00Z", None),
        ("a word of a later server", THEN, "current"),
    ],
)
def test_an_old_build_stays_until_it_is_drained_or_if_it_never_had_any(
    status: str, routed: str, reason: str | None
) -> None:
    version = {"drainageInfo": {"drainageStatus": status}, "routingChangedTime": routed}
    assert versions.still_used(version) == reason
