"""The control plane's sockets stand in folders that nobody but their owner enters."""

import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from mesh.ads_server import make_way
from mesh.private_files import TooOpen
from mesh.settings import Settings


def test_the_folder_of_a_socket_is_made_for_its_owner_only(tmp_path: Path) -> None:
    make_way(f"unix:{tmp_path}/run/mesh/xds")
    assert stat.S_IMODE((tmp_path / "run" / "mesh").stat().st_mode) == 0o700


def test_a_folder_that_others_may_enter_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    open_to_all = tmp_path / "run"
    open_to_all.mkdir()
    open_to_all.chmod(0o755)
    with pytest.raises(TooOpen, match=r"mode 0755.*chmod 700"):
        make_way(f"unix:{open_to_all}/xds")
    assert stat.S_IMODE(open_to_all.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("listen", "xds_listen"), [("127.0.0.1:1", "unix:run/xds"), ("unix:run/api", "127.0.0.1:1")]
)
def test_a_port_in_place_of_a_socket_is_refused(listen: str, xds_listen: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="should be a Unix socket"):
        Settings(listen=listen, xds_listen=xds_listen, directory=tmp_path, policy=tmp_path / "mesh.yaml")
