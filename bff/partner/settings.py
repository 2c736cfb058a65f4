"""What the partners' backend is told by its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, ProcessSettings


class Settings(ProcessSettings):
    """Variables `BFF_PARTNER_…`."""

    model_config = SettingsConfigDict(env_prefix="BFF_PARTNER_")

    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="tokens of clients, the keys of tokens"
    )
    products_address: Address = Field(examples=["127.0.0.1:15052"], description="the catalogue")
    orders_address: Address = Field(examples=["127.0.0.1:15053"], description="orders and their history")
    notifications_address: Address = Field(examples=["127.0.0.1:15057"], description="webhooks")
