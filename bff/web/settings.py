"""What the web BFF is told by its environment."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from bff.web import trusted
from kit.settings import Address, ProcessSettings


def _readable(path: str) -> str:
    """A file that cannot be used is named at the start, and not at the first request."""
    if path:
        trusted.read(path)
    return path


Documents = Annotated[str, AfterValidator(_readable)]
"""The path of a file of documents, see `bff.web.trusted`."""


class Settings(ProcessSettings):
    """Variables `BFF_WEB_…`. The profile `dev` adds introspection, suggestions and GraphiQL."""

    model_config = SettingsConfigDict(env_prefix="BFF_WEB_")

    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="accounts, sign-in, the keys of tokens"
    )
    products_address: Address = Field(examples=["127.0.0.1:15052"], description="the catalogue")
    orders_address: Address = Field(examples=["127.0.0.1:15053"], description="orders and their history")
    payments_address: Address = Field(examples=["127.0.0.1:15055"], description="payments of orders")
    documents: Documents = Field(
        "", examples=["documents.json"], description="the only documents that are carried out; empty: any"
    )
    shipping_address: Address = Field(examples=["127.0.0.1:15059"], description="shipments of orders")
