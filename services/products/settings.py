"""What the products service is told by its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, ServiceSettings


class Settings(ServiceSettings):
    """Variables `PRODUCTS_…`."""

    model_config = SettingsConfigDict(env_prefix="PRODUCTS_")

    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="where the keys of tokens are fetched"
    )
