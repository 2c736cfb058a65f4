"""What the aggregator of overviews is told by its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, ProcessSettings


class Settings(ProcessSettings):
    """Variables `OVERVIEW_…`."""

    model_config = SettingsConfigDict(env_prefix="OVERVIEW_")

    orders_address: Address = Field(
        examples=["127.0.0.1:15053"], description="the orders, and who may read them"
    )
    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="the customers; also where the keys of tokens are fetched"
    )
    products_address: Address = Field(examples=["127.0.0.1:15052"], description="the catalogue")
    payments_address: Address = Field(examples=["127.0.0.1:15055"], description="the payments of orders")
    shipping_address: Address = Field(examples=["127.0.0.1:15059"], description="the shipments of orders")
