"""What the control plane is told by its environment."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, ProcessSettings, Seconds


class Settings(ProcessSettings):
    """Variables `MESH_…`."""

    model_config = SettingsConfigDict(env_prefix="MESH_")

    xds_listen: Address = Field(
        examples=["127.0.0.1:15070"], description="host:port where proxies ask what they are to do"
    )
    directory: Path = Field(
        examples=["var/suites/main/mesh"],
        description="where roots, credentials and the registry are kept",
    )
    policy: Path = Field(examples=["envoy/mesh.yaml"], description="who may call whom, and how")
    envoy: Path | None = Field(
        None,
        examples=["/usr/bin/envoy"],
        description="an Envoy that sees every change before the proxies",
    )
    leaf: Seconds = Field(
        timedelta(hours=1), examples=["3600"], description="seconds that a workload's certificate lives"
    )
    look_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        0.5, description="how often the policy's file is looked at"
    )
