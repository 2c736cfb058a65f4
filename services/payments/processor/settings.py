"""What the simulated card processor is told by its environment."""

from pydantic import model_validator
from pydantic_settings import SettingsConfigDict

from kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Variables `PROCESSOR_…`."""

    model_config = SettingsConfigDict(env_prefix="PROCESSOR_")

    @model_validator(mode="after")
    def simulated_parts_need_the_dev_profile(self) -> "Settings":
        """Nobody's money goes through a simulation."""
        if self.profile == "prod":
            raise ValueError(
                "PROCESSOR_PROFILE=prod: this card processor is simulated; set PROCESSOR_PROFILE=dev, "
                "or let payments call a real one"
            )
        return self
