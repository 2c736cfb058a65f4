"""What the inventory service is told by its environment."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, Seconds, ServiceSettings


class Settings(ServiceSettings):
    """Variables `INVENTORY_…`."""

    model_config = SettingsConfigDict(env_prefix="INVENTORY_")

    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="where the keys of tokens are fetched"
    )
    hold: Seconds = Field(timedelta(minutes=2), examples=["120"], description="seconds a hold may be open")
