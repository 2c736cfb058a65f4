"""Which Go builds grpcurl."""

import pytest

from ops import grpcurl


@pytest.mark.parametrize(
    ("said", "enough"),
    [
        ("go1.24", True),
        ("go1.26.8\n", True),
        ("go2.0", True),
        ("go1.25-custom", True),
        ("go1.23.9", False),
        ("go1.9", False),
        ("devel +a1b2c3", False),
        ("", False),
    ],
)
def test_go_is_new_enough_from_1_24_on(said: str, enough: bool) -> None:
    assert grpcurl.is_new_enough(said) is enough


def test_no_go_on_the_path_is_no_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert grpcurl.own_go() is None
