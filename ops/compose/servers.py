"""PostgreSQL, Kafka and Temporal in containers: the native settings, as each image takes them. Pure."""

from __future__ import annotations

from ops import servers
from ops.compose import images, volumes
from ops.compose.blocks import TMP, Service
from ops.site import Site

POSTGRES_USER, KAFKA_USER = 999, 1000
"""Who runs in those images."""
TEMPORAL_USER = {"USER": "temporal", "HOME": "/tmp"}  # noqa: S108 - of the container
"""Its image knows no user of ours, and Go has no other place to look."""


def postgres(where: Site) -> Service:
    """Its image makes the data folder, with the password from a file that only its container sees."""
    settings = {**servers.POSTGRES_SETTINGS, "listen_addresses": "*"}
    # while it makes the folder the image speaks to the server over a socket
    del settings["unix_socket_directories"]
    asks = ["pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"]
    return {
        "image": images.POSTGRES,
        "user": f"{POSTGRES_USER}:{POSTGRES_USER}",
        "command": [word for name, value in settings.items() for word in ("-c", f"{name}={value}")],
        "environment": {
            "PGPORT": str(where.ports["postgres"]),
            "POSTGRES_PASSWORD_FILE": f"{volumes.PASSWORD_FOLDER}/{volumes.PASSWORD}",
            "POSTGRES_INITDB_ARGS": " ".join(servers.INITDB_OPTIONS),
        },
        "tmpfs": [*TMP, "/var/run/postgresql"],
        "shm_size": "128m",
        "healthcheck": {"<<": "soon", "test": ["CMD", *asks]},
    }


def kafka(where: Site) -> Service:
    """Its image takes settings as variables, writes them into a file, and formats its storage."""
    port = where.ports["kafka"]
    places = servers.kafka_places(
        where.listener("kafka"), where.address("kafka"), where.address("kafka_controller")
    )
    settings = servers.KAFKA_SETTINGS | places | {"log.dirs": volumes.KAFKA_DATA}
    heap = [option for option in servers.JAVA_OPTIONS if option.startswith("-Xm")]
    options = {
        "KAFKA_HEAP_OPTS": " ".join(heap),
        # its limit has no room for the compiler that takes longer
        "KAFKA_JVM_PERFORMANCE_OPTS": " ".join((*servers.JAVA_LIGHT, servers.JAVA_BRIEF)),
    }
    return {
        "image": images.KAFKA,
        "user": f"{KAFKA_USER}:{KAFKA_USER}",
        "environment": {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
        | options,
        "tmpfs": TMP,
        # Kafka's own tools start a Java each time; the service `topics` asks the broker for real
        "healthcheck": {"<<": "soon", "test": ["CMD", "bash", "-c", f"</dev/tcp/127.0.0.1/{port}"]},
    }


def temporal(where: Site) -> Service:
    """Its image has no shell: its own program asks."""
    program = str(where.programs.temporal)
    asks = [program, "operator", "namespace", "describe", "-n", "default"]
    return {
        "image": images.TEMPORAL,
        "user": images.USER,
        "command": list(servers.temporal(where)[1:]),
        "environment": TEMPORAL_USER,
        "tmpfs": TMP,
        "healthcheck": {
            "<<": "soon",
            "test": ["CMD", *asks, "--address", f"127.0.0.1:{where.ports['temporal']}"],
        },
    }
