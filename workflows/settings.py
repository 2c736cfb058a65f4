"""What the worker is told by its environment."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from kit.payload_keys import PayloadKeysSetting
from kit.settings import Address, ProcessSettings


class Settings(ProcessSettings):
    """Variables `WORKFLOWS_…`."""

    model_config = SettingsConfigDict(env_prefix="WORKFLOWS_")

    temporal_address: Address = Field(examples=["127.0.0.1:7233"], description="the Temporal frontend")
    temporal_namespace: str = "default"
    payload_keys: PayloadKeysSetting = SecretStr("")
    task_queue: str = "ordermesh-sagas"
    deployment: str = "ordermesh"
    build_id: str = Field("", description="the version that this worker is; empty: unversioned")
    metrics_address: Address | None = Field(
        None, examples=["127.0.0.1:15063"], description="where the worker's metrics are served (Prometheus)"
    )
    orders_address: Address = Field(examples=["127.0.0.1:15053"])
    inventory_address: Address = Field(examples=["127.0.0.1:15054"])
    payments_address: Address = Field(examples=["127.0.0.1:15055"])
    notifications_address: Address = Field(examples=["127.0.0.1:15057"])
    shipping_address: Address = Field(examples=["127.0.0.1:15059"])
