"""What the notifications service is told by its environment."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from kit.settings import Address, KafkaAddress, Seconds, ServiceSettings

SCHEDULE = "5,300,1800,7200,18000,36000,50400,72000,86400"
"""Standard Webhooks' own: ten attempts over three days."""


def _pauses(value: Any) -> Any:
    """Numbers of seconds, joined by commas."""
    if not isinstance(value, str):
        return value
    try:
        pauses = tuple(timedelta(seconds=float(each)) for each in value.split(","))
    except (ValueError, OverflowError) as error:
        raise ValueError("should be numbers of seconds, joined by commas") from error
    if not all(timedelta(0) < pause <= timedelta(days=7) for pause in pauses) or len(pauses) > 20:
        raise ValueError("should be at most 20 pauses, each above 0 seconds and at most 7 days")
    return pauses


Schedule = Annotated[tuple[timedelta, ...], NoDecode, BeforeValidator(_pauses)]
"""The pauses between attempts; without NoDecode pydantic-settings would read them as JSON."""


class Settings(ServiceSettings):
    """Variables `NOTIFICATIONS_…`."""

    model_config = SettingsConfigDict(env_prefix="NOTIFICATIONS_")

    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="where addresses and the keys of tokens are fetched"
    )
    kafka_address: KafkaAddress = Field(
        examples=["127.0.0.1:19092"], description="the brokers that take and give the events"
    )
    smtp_address: Address = Field(examples=["127.0.0.1:15025"], description="the mail server, plain SMTP")
    sender: Annotated[str, Field(pattern=r"^[\w.+-]+@[\w.-]+$")] = Field(
        "orders@ordermesh.test", examples=["orders@example.com"], description="who writes"
    )
    retry_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        1.0, examples=["1"], description="seconds between two looks for messages not sent yet"
    )
    webhook_schedule: Schedule = Field(
        _pauses(SCHEDULE),
        examples=[SCHEDULE],
        description="seconds between the attempts at a webhook; then it is given up",
    )
    webhook_disable_seconds: Annotated[Seconds, Field(gt=timedelta(0))] = Field(
        timedelta(days=5), examples=["432000"], description="an endpoint that fails for so long is disabled"
    )
    webhook_overlap_seconds: Annotated[Seconds, Field(ge=timedelta(0), le=timedelta(days=7))] = Field(
        timedelta(days=1), examples=["86400"], description="how long a replaced secret still signs"
    )
    webhook_attempt_seconds: Annotated[float, Field(gt=0, le=20)] = Field(
        10.0, examples=["10"], description="how long one attempt at a webhook may take"
    )
    webhook_local: bool = Field(False, description="take webhooks by plain HTTP, and on loopback; dev only")

    @model_validator(mode="after")
    def local_webhooks_need_the_dev_profile(self) -> "Settings":
        """A production process posts to nobody's loopback, least of all its own."""
        if self.webhook_local and self.profile == "prod":
            raise ValueError(
                "NOTIFICATIONS_WEBHOOK_LOCAL is for local use: unset it, or set NOTIFICATIONS_PROFILE=dev"
            )
        return self
