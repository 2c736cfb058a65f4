"""What the mobile BFF is told by its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, ProcessSettings


class Settings(ProcessSettings):
    """Variables `BFF_MOBILE_…`."""

    model_config = SettingsConfigDict(env_prefix="BFF_MOBILE_")

    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="accounts, sign-in, the keys of tokens"
    )
    products_address: Address = Field(examples=["127.0.0.1:15052"], description="the catalogue")
    orders_address: Address = Field(examples=["127.0.0.1:15053"], description="orders and their history")
