"""What the payments service is told by its environment."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, KafkaAddress, ServiceSettings


class Settings(ServiceSettings):
    """Variables `PAYMENTS_…`."""

    model_config = SettingsConfigDict(env_prefix="PAYMENTS_")

    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="where the keys of tokens are fetched"
    )
    kafka_address: KafkaAddress = Field(
        examples=["127.0.0.1:19092"], description="the brokers that take and give the events"
    )
    processor_address: Address = Field(
        examples=["127.0.0.1:15056"], description="the card processor that moves the money"
    )
    sweep_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        1.0, examples=["1"], description="seconds between two looks for open charges"
    )
