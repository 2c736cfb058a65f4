"""What the orders service is told by its environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from kit.payload_keys import PayloadKeysSetting
from kit.settings import Address, KafkaAddress, Seconds, ServiceSettings


class Settings(ServiceSettings):
    """Variables `ORDERS_…`."""

    model_config = SettingsConfigDict(env_prefix="ORDERS_")

    users_address: Address = Field(
        examples=["127.0.0.1:15051"], description="where the keys of tokens are fetched"
    )
    products_address: Address = Field(examples=["127.0.0.1:15052"])
    inventory_address: Address = Field(examples=["127.0.0.1:15054"])
    payments_address: Address = Field(examples=["127.0.0.1:15055"])
    notifications_address: Address = Field(examples=["127.0.0.1:15057"])
    kafka_address: KafkaAddress = Field(
        examples=["127.0.0.1:19092"], description="the brokers that take and give the events"
    )
    temporal_address: Address = Field(
        examples=["127.0.0.1:7233"], description="the Temporal frontend that starts workflows"
    )
    temporal_namespace: str = "default"
    payload_keys: PayloadKeysSetting = SecretStr("")
    temporal_task_queue: str = "ordermesh-sagas"
    temporal_ui: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = Field(
        "", examples=["http://localhost:8233"], description="where operators look at workflows"
    )
    approval_limit: Annotated[int, Field(ge=0)] = Field(
        50_000, description="long flow: a person approves what costs more, in minor units"
    )
    approval: Seconds = Field(
        timedelta(days=1), examples=["86400"], description="seconds that an approval is waited for"
    )
    sync_at_once: Annotated[int, Field(ge=1, le=10_000)] = Field(
        32, description="synchronous orders under way in one process; more wait, and are refused then"
    )
    lease_seconds: Annotated[float, Field(gt=0, le=60)] = 8.0
    sweep_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
