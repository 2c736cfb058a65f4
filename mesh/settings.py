"""What the control plane is told by its environment."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from kit.settings import Address, ProcessSettings, Seconds


def _a_socket(address: str) -> str:
    if not address.startswith("unix:"):
        raise ValueError("should be a Unix socket: whoever could open a port would be let in")
    return address


Socket = Annotated[Address, AfterValidator(_a_socket)]
"""A Unix socket, in a folder that only its owner may enter."""


class Settings(ProcessSettings):
    """Variables `MESH_…`."""

    model_config = SettingsConfigDict(env_prefix="MESH_")

    listen: Socket = Field(
        examples=["unix:var/suites/main/mesh/run/api"],
        description="the socket of the operator's API: whoever can open it is the operator",
    )
    xds_listen: Socket = Field(
        examples=["unix:var/suites/main/mesh/run/xds"],
        description="the socket where proxies ask what they are to do",
    )
    directory: Path = Field(
        examples=["var/suites/main/mesh"],
        description="where roots, credentials, the registry and what each node has taken are kept",
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
