"""Settings from the environment, read once at start; every fault is named at once, then exit 78.

A service's settings extend `ServiceSettings` with `env_prefix="ORDERS_"`. Secrets are `SecretStr`.
"""

import difflib
import os
import re
import sys
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings

EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h

SOCKET_BYTES = 107
"""The longest path that the kernel takes for a Unix socket."""


def _short_enough(address: str) -> str:
    path = address.removeprefix("unix:")
    if path != address and len(os.fsencode(path)) > SOCKET_BYTES:
        raise ValueError(f"a socket's path has at most {SOCKET_BYTES} bytes: give it relative to the folder")
    return address


Address = Annotated[
    str, StringConstraints(pattern=r"^(unix:\S+|[\w.-]+:\d{1,5})$"), AfterValidator(_short_enough)
]
"""Where a peer listens: `host:port`, or `unix:path`, which may be relative to the working folder."""

KafkaAddress = Annotated[str, StringConstraints(pattern=r"^[\w.-]+:\d{1,5}(,[\w.-]+:\d{1,5})*$")]
"""Brokers to begin with: `host:port`, several joined by commas."""


def _seconds(value: Any) -> Any:
    """Pydantic would read the text "120" as a malformed ISO duration."""
    try:
        return timedelta(seconds=float(value)) if isinstance(value, str) else value
    except (ValueError, OverflowError) as error:
        raise ValueError("should be a number of seconds") from error


Seconds = Annotated[timedelta, BeforeValidator(_seconds)]
"""A time span, in the environment a number of seconds."""


def _postgresql(url: SecretStr) -> SecretStr:
    """Refused here, and not by the driver, whose message would show the password."""
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or not parts.path.strip("/"):
        raise ValueError("should be a PostgreSQL URL with a host and a database")
    return url


DatabaseUrl = Annotated[SecretStr, AfterValidator(_postgresql)]
"""Where a database is, with the credentials to it."""


def _otlp(value: str) -> str:
    """As `host:port`, which a proxy can be told too."""
    found = _OTLP.fullmatch(value)
    if value and (found is None or not 0 < int(found["port"]) < 1 << 16):
        raise ValueError("should be host:port, or http://host:port, of an OTLP gRPC server")
    return f"{found['host']}:{found['port']}" if found else ""


_OTLP = re.compile(r"(http://)?(?P<host>[A-Za-z0-9][\w.-]*):(?P<port>\d{1,5})/?")

OtlpEndpoint = Annotated[str, AfterValidator(_otlp)]
"""Where spans go, as `host:port`; empty: none are made."""


class ProcessSettings(BaseSettings):
    """What every process that the suite runs for itself is told."""

    listen: Address = Field(examples=["127.0.0.1:15050"], description="host:port to serve gRPC on")
    profile: Literal["dev", "prod"] = Field("prod", description="dev allows crash points and simulated parts")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    drain_seconds: Annotated[float, Field(ge=0, le=300)] = 5.0
    crash_at: str = ""
    otlp_endpoint: OtlpEndpoint = Field(
        "", examples=["127.0.0.1:4317"], description="where spans go by OTLP over gRPC; empty: none are made"
    )

    @model_validator(mode="after")
    def dev_switches_need_the_dev_profile(self) -> "ProcessSettings":
        """A production process never dies on purpose."""
        if self.crash_at and self.profile == "prod":
            prefix = self.model_config.get("env_prefix", "")
            raise ValueError(f"{prefix}CRASH_AT is for tests: unset it, or set {prefix}PROFILE=dev")
        return self


class ServiceSettings(ProcessSettings):
    """What every service is told: it has a database of its own."""

    database_url: DatabaseUrl = Field(
        examples=["postgresql://service:secret@127.0.0.1:15432/service"], description="a PostgreSQL URL"
    )


S = TypeVar("S", bound=BaseSettings)


def load(kind: type[S]) -> S:
    """Read the settings, or write one line a fault to standard error and exit with 78."""
    faults = _unknown_variables(kind)
    try:
        settings = kind()
    except ValidationError as error:
        faults += [_say(kind, fault) for fault in error.errors()]
    if faults:
        print("\n".join(faults), file=sys.stderr)
        raise SystemExit(EXIT_CONFIG)
    return settings


def _say(kind: type[BaseSettings], fault: Any) -> str:
    """One fault as `NAME: what is wrong (example: …)`; the value of a secret is not shown."""
    if not fault["loc"]:
        return str(fault["ctx"]["error"]) if "ctx" in fault else str(fault["msg"])
    field = str(fault["loc"][0])
    name = _name(kind, field)
    info = kind.model_fields[field]
    example = f" (example: {info.examples[0]})" if info.examples else ""
    if fault["type"] == "missing":
        return f"{name}: required, not set{example}"
    secret = info.annotation is SecretStr
    value = "***" if secret else repr(fault["input"])
    return f"{name}: {value} is wrong: {fault['msg']}{example}"


def _name(kind: type[BaseSettings], field: str) -> str:
    return f"{kind.model_config.get('env_prefix', '')}{field}".upper()


def _unknown_variables(kind: type[BaseSettings]) -> list[str]:
    """A misspelt variable would be ignored silently: name it, and the nearest one that exists."""
    known = [_name(kind, field) for field in kind.model_fields]
    prefix = kind.model_config.get("env_prefix", "")
    faults = []
    for name in sorted(os.environ):
        if prefix and name.startswith(prefix) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)
            faults.append(f"{name}: not a setting; nearest is {near[0]}")
    return faults
