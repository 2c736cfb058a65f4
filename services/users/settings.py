"""What the users service is told by its environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from kit.settings import Seconds, ServiceSettings


class Settings(ServiceSettings):
    """Variables `USERS_…`."""

    model_config = SettingsConfigDict(env_prefix="USERS_")

    token_lifetime: Annotated[Seconds, Field(ge=timedelta(minutes=1), le=timedelta(days=1))] = Field(
        timedelta(hours=1), examples=["3600"], description="seconds a token is valid"
    )
    # Not below half an hour: the next key is made ten minutes before it is needed (domain.plan_keys).
    key_lifetime: Annotated[Seconds, Field(ge=timedelta(minutes=30))] = Field(
        timedelta(days=1), examples=["86400"], description="seconds a key signs before the next one does"
    )
    key_secret: SecretStr | None = Field(
        None, examples=["a long passphrase"], description="encrypts the private keys in the database"
    )
