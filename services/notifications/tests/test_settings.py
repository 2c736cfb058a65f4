"""What the service takes from its environment about webhooks, and what it refuses."""

from datetime import timedelta

import pytest

from kit import settings
from services.notifications.settings import Settings

REQUIRED = {
    "NOTIFICATIONS_LISTEN": "127.0.0.1:15057",
    "NOTIFICATIONS_DATABASE_URL": "postgresql://service:secret@127.0.0.1:15432/service",
    "NOTIFICATIONS_USERS_ADDRESS": "127.0.0.1:15051",
    "NOTIFICATIONS_KAFKA_ADDRESS": "127.0.0.1:19092",
    "NOTIFICATIONS_SMTP_ADDRESS": "127.0.0.1:15025",
}


def load(monkeypatch: pytest.MonkeyPatch, **changed: str) -> Settings:
    for name, value in (
        REQUIRED | {f"NOTIFICATIONS_{name}": value for name, value in changed.items()}
    ).items():
        monkeypatch.setenv(name, value)
    return settings.load(Settings)


def test_without_a_word_local_targets_are_refused_and_a_message_has_ten_attempts_in_three_days(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = load(monkeypatch)
    assert not chosen.webhook_local
    assert len(chosen.webhook_schedule) == 9
    assert timedelta(days=3) < sum(chosen.webhook_schedule, timedelta()) < timedelta(days=4)


def test_a_schedule_is_numbers_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = load(monkeypatch, WEBHOOK_SCHEDULE="0.5,3")
    assert chosen.webhook_schedule == (timedelta(seconds=0.5), timedelta(seconds=3))


@pytest.mark.parametrize(
    "wrong", ["", "soon", "1,,2", "0", "-1", "nan", "inf", "1,1e9", ",".join(["1"] * 21)]
)
def test_any_other_schedule_is_named_and_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        load(monkeypatch, WEBHOOK_SCHEDULE=wrong)
    assert stopped.value.code == settings.EXIT_CONFIG
    assert capsys.readouterr().err.startswith("NOTIFICATIONS_WEBHOOK_SCHEDULE: ")


def test_local_targets_are_refused_in_production(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load(monkeypatch, WEBHOOK_LOCAL="true", PROFILE="dev").webhook_local
    with pytest.raises(SystemExit) as stopped:
        load(monkeypatch, WEBHOOK_LOCAL="true", PROFILE="prod")
    assert stopped.value.code == settings.EXIT_CONFIG
    assert "NOTIFICATIONS_WEBHOOK_LOCAL" in capsys.readouterr().err
