"""What the inventory service is told by its environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, KafkaAddress, Seconds, ServiceSettings


class Settings(ServiceSettings):
    """Variables `INVENTORY_…`."""

    model_config = SettingsConfigDict(env_prefix="INVENTORY_")

    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="where the keys of tokens are fetched"
    )
    kafka_address: KafkaAddress = Field(
        examples=["127.0.0.1:19092"], description="the brokers that take and give the events"
    )
    hold: Seconds = Field(timedelta(minutes=2), examples=["120"], description="seconds a hold may be open")
    sweep_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        1.0, examples=["1"], description="seconds between two looks for overdue holds"
    )
