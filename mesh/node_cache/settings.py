"""What the node cache is told by its environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.settings import ProcessSettings
from mesh.settings import Socket


class Settings(ProcessSettings):
    """Variables `MESHCACHE_…`."""

    model_config = SettingsConfigDict(env_prefix="MESHCACHE_")

    listen: Socket = Field(
        examples=["unix:var/suites/main/mesh/run/cache-health"], description="the socket of its own health"
    )
    xds_listen: Socket = Field(
        examples=["unix:var/suites/main/mesh/run/cache"],
        description="the socket where proxies ask while the control plane is away",
    )
    control_plane: Socket = Field(
        examples=["unix:var/suites/main/mesh/run/xds"], description="MESH_XDS_LISTEN of the control plane"
    )
    directory: Path = Field(
        examples=["var/suites/main/mesh"], description="MESH_DIRECTORY of the control plane"
    )
