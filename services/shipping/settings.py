"""What the shipping service is told by its environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, KafkaAddress, Seconds, ServiceSettings


class Settings(ServiceSettings):
    """Variables `SHIPPING_…`."""

    model_config = SettingsConfigDict(env_prefix="SHIPPING_")

    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="where the keys of tokens are fetched"
    )
    kafka_address: KafkaAddress = Field(
        examples=["127.0.0.1:19092"], description="the brokers that take the events"
    )
    delivery_seconds: Seconds = Field(
        timedelta(seconds=2), examples=["2"], description="seconds that the carrier takes to deliver"
    )
    sweep_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        0.5, examples=["0.5"], description="seconds between two looks for what has arrived"
    )
