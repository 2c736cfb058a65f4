"""Settings name every fault at once, and never a secret."""

import pytest
from pydantic_settings import SettingsConfigDict

from kit.settings import EXIT_CONFIG, Address, ServiceSettings, load


class TeaSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TEA_")
    pot_address: Address


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEA_LISTEN", "127.0.0.1:1")
    monkeypatch.setenv("TEA_DATABASE_URL", "postgresql://tea:hunter2@127.0.0.1:5432/tea")
    monkeypatch.setenv("TEA_POT_ADDRESS", "127.0.0.1:2")


def faults(capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit) as caught:
        load(TeaSettings)
    assert caught.value.code == EXIT_CONFIG
    return capsys.readouterr().err.splitlines()


def test_good_settings_are_read() -> None:
    settings = load(TeaSettings)
    assert settings.pot_address == "127.0.0.1:2"
    assert settings.profile == "prod"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:2", "localhost:2", "unix:/run/tea/pot.sock", "unix:run/pot.sock", "unix:pot"]
)
def test_a_peer_listens_on_a_port_or_on_a_socket_whose_path_may_be_relative(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEA_POT_ADDRESS", address)
    assert load(TeaSettings).pot_address == address


@pytest.mark.parametrize("address", ["", "unix:", "unix: pot", "pot", "127.0.0.1:", "127.0.0.1:2/x"])
def test_what_is_no_address_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEA_POT_ADDRESS", address)
    (said,) = faults(capsys)
    assert said.startswith(f"TEA_POT_ADDRESS: {address!r} is wrong")


def test_a_socket_whose_path_is_too_long_is_refused_before_the_kernel_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEA_POT_ADDRESS", "unix:" + "p" * 107)
    assert load(TeaSettings).pot_address
    monkeypatch.setenv("TEA_POT_ADDRESS", "unix:" + "ö" * 54)
    (said,) = faults(capsys)
    assert "at most 107 bytes" in said


def test_all_faults_are_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TEA_LISTEN")
    monkeypatch.setenv("TEA_POT_ADDRESS", "no address")
    monkeypatch.setenv("TEA_PROFIL", "dev")
    said = faults(capsys)
    assert said[0] == "TEA_PROFIL: not a setting; nearest is TEA_PROFILE"
    assert "TEA_LISTEN: required, not set (example: 127.0.0.1:15050)" in said
    assert any(line.startswith("TEA_POT_ADDRESS: 'no address' is wrong") for line in said)
    assert len(said) == 3


@pytest.mark.parametrize("wrong", ["hunter2", "mysql://tea:hunter2@127.0.0.1/tea", "postgresql://"])
def test_a_wrong_secret_is_named_and_not_shown(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEA_DATABASE_URL", wrong)
    (said,) = faults(capsys)
    assert said.startswith("TEA_DATABASE_URL: *** is wrong")
    assert "hunter2" not in said


def test_a_crash_point_is_refused_in_production(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEA_CRASH_AT", "tea.after_boiling")
    assert faults(capsys) == ["TEA_CRASH_AT is for tests: unset it, or set TEA_PROFILE=dev"]
    monkeypatch.setenv("TEA_PROFILE", "dev")
    assert load(TeaSettings).crash_at == "tea.after_boiling"


@pytest.mark.parametrize("given", ["127.0.0.1:4317", "http://127.0.0.1:4317", "http://127.0.0.1:4317/"])
def test_where_spans_go_is_read_as_host_and_port(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    assert load(TeaSettings).otlp_endpoint == ""
    monkeypatch.setenv("TEA_OTLP_ENDPOINT", given)
    assert load(TeaSettings).otlp_endpoint == "127.0.0.1:4317"


@pytest.mark.parametrize("given", ["4317", "https://collector:4317", "collector", "collector:0", "a:70000"])
def test_a_place_that_spans_cannot_be_sent_to_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    monkeypatch.setenv("TEA_OTLP_ENDPOINT", given)
    (said,) = faults(capsys)
    assert said.startswith(f"TEA_OTLP_ENDPOINT: {given!r} is wrong")
    assert said.endswith("(example: 127.0.0.1:4317)")
