"""A token lets one node of one workload join, until it is revoked."""

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.errors import Problem
from mesh import private_files
from mesh.identity import NotAnIdentity
from mesh.join import FILE, JoinCredentials, JoinRefused, NodeTaken
from mesh.private_files import Unreadable


@pytest.fixture
def credentials(tmp_path: Path) -> JoinCredentials:
    return JoinCredentials(tmp_path / "join")


def token(credentials: JoinCredentials, folder: Path, node_id: str, workload: str) -> str:
    credentials.hand_out(node_id, workload, folder / f"{node_id}.token")
    return (folder / f"{node_id}.token").read_text()


def opens(credentials: JoinCredentials, node_id: str, workload: str, token: str) -> bool:
    try:
        credentials.admit(node_id, workload, token)
    except JoinRefused:
        return False
    return True


def test_a_token_opens_its_node_also_after_a_restart(credentials: JoinCredentials, tmp_path: Path) -> None:
    mine = token(credentials, tmp_path, "orders-1", "orders")
    credentials.admit("orders-1", "orders", mine)
    JoinCredentials(tmp_path / "join").admit("orders-1", "orders", mine)
    assert credentials.nodes() == {"orders-1": "orders"}


def test_the_token_is_its_owners_and_the_control_plane_has_a_hash_only(
    credentials: JoinCredentials, tmp_path: Path
) -> None:
    mine = token(credentials, tmp_path, "orders-1", "orders")
    for path in (tmp_path / "orders-1.token", tmp_path / "join" / FILE):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "join").stat().st_mode) == 0o700
    assert len(mine) >= 43  # 256 bits
    assert mine not in (tmp_path / "join" / FILE).read_text()


def test_a_token_opens_no_other_node_and_no_other_workload(
    credentials: JoinCredentials, tmp_path: Path
) -> None:
    nodes = {"orders-1": "orders", "orders-2": "orders", "payments-1": "payments"}
    tokens = {node: token(credentials, tmp_path, node, workload) for node, workload in nodes.items()}
    for owner, held in tokens.items():
        for node in (*nodes, "inventory-1"):
            for workload in (*nodes.values(), "inventory"):
                fits = (node, workload) == (owner, nodes[owner])
                assert opens(credentials, node, workload, held) is fits


def test_a_hash_that_is_moved_to_another_node_does_not_open_it(
    credentials: JoinCredentials, tmp_path: Path
) -> None:
    mine = token(credentials, tmp_path, "orders-1", "orders")
    kept = tmp_path / "join" / FILE
    private_files.write(kept, kept.read_text().replace("orders-1", "orders-2"))
    assert not opens(credentials, "orders-2", "orders", mine)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(node_id=st.text() | st.just("orders-1"), workload=st.text() | st.just("orders"), guess=st.text())
def test_nothing_that_a_stranger_sends_opens_a_node(
    credentials: JoinCredentials, tmp_path: Path, node_id: str, workload: str, guess: str
) -> None:
    credentials.hand_out("orders-1", "orders", tmp_path / "token")
    with pytest.raises(JoinRefused):
        credentials.admit(node_id, workload, guess)


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "\0", lambda t: t + "\n", str.swapcase])
def test_a_token_is_whole_or_wrong(credentials: JoinCredentials, tmp_path: Path, change: object) -> None:
    assert callable(change)
    mine = token(credentials, tmp_path, "orders-1", "orders")
    assert not opens(credentials, "orders-1", "orders", change(mine))


def test_a_refusal_does_not_say_what_was_wrong(credentials: JoinCredentials, tmp_path: Path) -> None:
    token(credentials, tmp_path, "orders-1", "orders")
    said = set()
    for node_id, workload in (("orders-1", "orders"), ("orders-1", "payments"), ("nobody", "orders")):
        with pytest.raises(Problem) as caught:
            credentials.admit(node_id, workload, "guess")
        said.add((caught.value.kind, caught.value.reason, str(caught.value)))
    assert said == {("denied", "JOIN_REFUSED", "no such node, or not its credential")}


def test_a_revoked_node_is_shut_out_and_the_others_are_not(
    credentials: JoinCredentials, tmp_path: Path
) -> None:
    one, two = (token(credentials, tmp_path, node, "orders") for node in ("orders-1", "orders-2"))
    assert credentials.revoke("orders-1")
    assert not opens(credentials, "orders-1", "orders", one)
    assert opens(credentials, "orders-2", "orders", two)
    assert not credentials.revoke("orders-1")


def test_a_revoked_token_does_not_come_back_with_its_file(
    credentials: JoinCredentials, tmp_path: Path
) -> None:
    old = token(credentials, tmp_path, "orders-1", "orders")
    credentials.revoke("orders-1")
    new = token(credentials, tmp_path, "orders-1", "orders")
    assert old != new
    assert not opens(credentials, "orders-1", "orders", old)
    assert opens(credentials, "orders-1", "orders", new)


def test_handing_out_twice_keeps_a_token_that_is_in_use(credentials: JoinCredentials, tmp_path: Path) -> None:
    assert token(credentials, tmp_path, "orders-1", "orders") == token(
        credentials, tmp_path, "orders-1", "orders"
    )


@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda path: path.chmod(0o644), lambda path: path.write_bytes(b"\xff")]
)
def test_a_token_that_is_lost_or_was_open_to_others_is_replaced(
    credentials: JoinCredentials, tmp_path: Path, spoil: object
) -> None:
    assert callable(spoil)
    old = token(credentials, tmp_path, "orders-1", "orders")
    spoil(tmp_path / "orders-1.token")
    new = token(credentials, tmp_path, "orders-1", "orders")
    assert opens(credentials, "orders-1", "orders", new)
    assert not opens(credentials, "orders-1", "orders", old)
    assert stat.S_IMODE((tmp_path / "orders-1.token").stat().st_mode) == 0o600


def test_a_node_belongs_to_one_workload_until_it_is_revoked(
    credentials: JoinCredentials, tmp_path: Path
) -> None:
    token(credentials, tmp_path, "orders-1", "orders")
    with pytest.raises(NodeTaken, match="is of orders"):
        token(credentials, tmp_path, "orders-1", "payments")
    credentials.revoke("orders-1")
    assert opens(credentials, "orders-1", "payments", token(credentials, tmp_path, "orders-1", "payments"))


def test_names_that_cannot_be_are_refused(credentials: JoinCredentials, tmp_path: Path) -> None:
    for name in ("", "Orders-1", "-1", "a\0b", "n" * 129):
        with pytest.raises(ValueError, match="is no node id"):
            credentials.hand_out(name, "orders", tmp_path / "token")
    with pytest.raises(NotAnIdentity):
        credentials.hand_out("orders-1", "or/ders", tmp_path / "token")
    assert not (tmp_path / "token").exists()


@pytest.mark.parametrize("text", ["", "{", '{"nodes": {"orders-1": {"workload": "orders", "digest": "é"}}}'])
def test_a_damaged_file_lets_nobody_in(credentials: JoinCredentials, tmp_path: Path, text: str) -> None:
    private_files.write(tmp_path / "join" / FILE, text)
    with pytest.raises(Unreadable, match=FILE):
        credentials.admit("orders-1", "orders", "guess")
