"""What the analytics service is told by its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, KafkaAddress, ServiceSettings


class Settings(ServiceSettings):
    """Variables `ANALYTICS_…`."""

    model_config = SettingsConfigDict(env_prefix="ANALYTICS_")

    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="where the keys of tokens are fetched"
    )
    kafka_address: KafkaAddress = Field(
        examples=["127.0.0.1:19092"], description="the brokers that give the events"
    )
