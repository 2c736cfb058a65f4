"""What the environment may say, and what it is told when it says something else."""

from datetime import timedelta

import pytest

from kit import settings
from services.users.settings import Settings


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("USERS_LISTEN", "127.0.0.1:15051")
    monkeypatch.setenv("USERS_DATABASE_URL", "postgresql://users@127.0.0.1/users")
    return monkeypatch


def test_lifetimes_are_numbers_of_seconds(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("USERS_TOKEN_LIFETIME", "90")
    environment.setenv("USERS_KEY_LIFETIME", "3600.5")
    loaded = settings.load(Settings)
    assert loaded.token_lifetime == timedelta(seconds=90)
    assert loaded.key_lifetime == timedelta(seconds=3600.5)


def test_without_a_word_tokens_live_an_hour_and_keys_a_day(environment: pytest.MonkeyPatch) -> None:
    loaded = settings.load(Settings)
    assert (loaded.token_lifetime, loaded.key_lifetime) == (timedelta(hours=1), timedelta(days=1))
    assert loaded.key_secret is None


@pytest.mark.parametrize("value", ["nan", "inf", "soon", "", "0", "-1", "1e300", "PT1H"])
def test_no_such_time_span_is_refused_by_its_name(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    environment.setenv("USERS_KEY_LIFETIME", value)
    with pytest.raises(SystemExit) as caught:
        settings.load(Settings)
    assert caught.value.code == 78
    assert capsys.readouterr().err.startswith("USERS_KEY_LIFETIME: ")


def test_the_passphrase_of_the_keys_is_not_shown(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("USERS_KEY_SECRET", "a long passphrase")
    assert "a long passphrase" not in repr(settings.load(Settings))
