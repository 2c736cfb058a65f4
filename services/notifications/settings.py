"""What the notifications service is told by its environment."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, KafkaAddress, ServiceSettings


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
