"""Command lines and configuration of the four servers that the suite runs but did not write. Pure.

Every command runs in the checkout's folder.
"""

from __future__ import annotations

from ops.site import Site

POSTGRES_SETTINGS = {
    "unix_socket_directories": "",  # a socket's path has at most 107 bytes; a checkout may lie deeper
    "shared_buffers": "64MB",
    "max_connections": "150",
    "max_wal_size": "512MB",
    "jit": "off",  # our statements are short; compiling them costs more than it saves
    "log_timezone": "UTC",
    "timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}

INITDB_OPTIONS = (
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
)

# Facts behind these numbers: a lone broker has no replica to wait for, a lone member of a group no
# other member; and with the new group protocol a killed consumer is noticed after six seconds, not 45.
KAFKA_SETTINGS = {
    "node.id": "1",
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # after a kill the broker may register again only when its old session is over; 9 s by default
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.min.session.timeout.ms": "3000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.heartbeat.interval.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "16777216",  # bytes; 128 MB by default, half of the heap we allow
    "log.segment.bytes": "67108864",
}

# a small heap on two cores: the simple collector starts faster and takes less memory
JAVA_LIGHT = ("-XX:+UseSerialGC", "-Xshare:auto")
JAVA_BRIEF = "-XX:TieredStopAtLevel=1"
"""For what is soon done: only the compiler that is quick itself. A broker runs long enough for the other."""
JAVA_OPTIONS = (
    "-Xmx256m",
    "-Xms64m",
    *JAVA_LIGHT,
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Djava.awt.headless=true",
)

TEMPORAL_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000")
TEMPORAL_DYNAMIC = (
    "system.enableActivityEagerExecution=true",
    "frontend.WorkflowTimeSkippingEnabled=true",
    # how long after a version took its last new workflow the server begins to look whether any pinned to it
    # is still open, and how often it looks again; three minutes each by default
    'matching.wv.VersionDrainageStatusVisibilityGracePeriod="5s"',
    'matching.wv.VersionDrainageStatusRefreshInterval="10s"',
)


def postgres(site: Site) -> tuple[str, ...]:
    """PostgreSQL on the suite's data folder."""
    settings = {**POSTGRES_SETTINGS, "listen_addresses": site.bound, "port": str(site.ports["postgres"])}
    flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return (str(site.programs.postgres / "postgres"), "-D", str(site.directory / "postgres"), *flags)


def initdb(site: Site, password_file: str) -> tuple[str, ...]:
    """Make the data folder; every connection needs its SCRAM password, local ones too."""
    return (
        str(site.programs.postgres / "initdb"), "-D", str(site.directory / "postgres"),
        "--username=postgres", f"--pwfile={password_file}", *INITDB_OPTIONS,
    )  # fmt: skip


def kafka_properties(site: Site) -> str:
    """Kafka's server.properties: one node that is broker and controller (KRaft)."""
    broker, controller = site.address("kafka"), site.address("kafka_controller")
    settings = KAFKA_SETTINGS | {
        **kafka_places(broker, broker, controller),
        # relative, as every path here that a program would split at a comma or decode as a URI
        "log.dirs": str(site.state / "kafka"),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def kafka_places(listener: str, broker: str, controller: str) -> dict[str, str]:
    """Where the broker listens, where clients and where it itself call it."""
    return {
        "listeners": f"PLAINTEXT://{listener},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "controller.quorum.voters": f"1@{controller}",
    }


def java(site: Site, *arguments: str) -> tuple[str, ...]:
    """Run one of Kafka's classes: options, its name and what it is told."""
    return (
        str(site.programs.java), *JAVA_OPTIONS,
        "-Dlog4j2.configurationFile=ops/kafka-log4j2.xml",
        "-cp", f"{site.programs.kafka_jars}/*", *arguments,
    )  # fmt: skip


def kafka(site: Site) -> tuple[str, ...]:
    """The broker."""
    return java(site, "kafka.Kafka", str(site.state / "run" / "kafka.properties"))


def kafka_format(site: Site, cluster_id: str) -> tuple[str, ...]:
    """Write the identity of a new cluster into the empty data folder."""
    properties = str(site.state / "run" / "kafka.properties")
    return java(site, JAVA_BRIEF, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", properties)


def temporal(site: Site) -> tuple[str, ...]:
    """Temporal's dev server on one SQLite file, with its UI."""
    pragmas = [word for value in TEMPORAL_PRAGMAS for word in ("--sqlite-pragma", value)]
    dynamic = [word for value in TEMPORAL_DYNAMIC for word in ("--dynamic-config-value", value)]
    codec = ["--ui-codec-endpoint", f"http://{site.address('codec')}"] if site.payload_keys else []
    return (
        str(site.programs.temporal), "server", "start-dev", "--ip", site.bound, "--ui-ip", site.bound,
        "--port", str(site.ports["temporal"]), "--ui-port", str(site.ports["temporal_ui"]),
        "--db-filename", str(site.directory / "temporal" / "temporal.db"),
        "--metrics-port", str(site.ports["temporal_metrics"]),
        "--log-level", "warn", *pragmas, *dynamic, *codec,
    )  # fmt: skip


def envoy(site: Site, name: str, threads: int) -> tuple[str, ...]:
    """One Envoy on its rendered configuration: an entry, or a sidecar."""
    return (
        str(site.programs.envoy), "-c", str(site.state / "run" / f"{name}.yaml"),
        "--concurrency", str(threads), "--log-level", "warning",
        # its default shared memory region is one a machine, and two suites may run beside each other
        "--disable-hot-restart",
        # a line about a failed call is there when somebody looks
        "--file-flush-interval-msec", "1000",
    )  # fmt: skip
