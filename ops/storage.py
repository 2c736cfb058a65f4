"""Prepare what a server needs before its start: data folders, formats, rendered configuration.

Each preparation is harmless when repeated, and leaves nothing half made: a data folder that was not
finished is made anew.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ops import bootstraps, mesh_parts, servers, sockets, topology
from ops.errors import SuiteError
from ops.part import Part
from ops.plans import base_environment
from ops.site import Instance, Site
from ops.state import private_folder, read_json, write_json, write_private
from ops.supervision import launcher


def run_once(site: Site, name: str, command: tuple[str, ...], refuses_root: bool = False) -> None:
    """Run a short-lived command by the launcher, so as every part is run; SuiteError if it fails."""
    plan = site.directory / "env" / f"{name}.json"
    environment = base_environment(site, os.environ)
    write_json(plan, {"command": list(command), "environment": environment, "refuses_root": refuses_root})
    done = subprocess.run(
        launcher(site, name),
        cwd=site.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    plan.unlink()
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise SuiteError(f"{name} failed:\n{tail}")


def prepare_postgres(site: Site) -> None:
    """A new data folder by initdb, unless there is a complete one."""
    data = site.directory / "postgres"
    finished = site.directory / "run" / "postgres.made"
    if finished.is_file() and (data / "PG_VERSION").is_file():
        return
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    password = site.directory / "run" / "postgres.password"
    write_private(password, site.passwords["postgres"] + "\n")
    try:
        run_once(site, "initdb", servers.initdb(site, str(password)), refuses_root=True)
    finally:
        password.unlink()
    finished.touch()


def prepare_kafka(site: Site) -> None:
    """Write the configuration; format the data folder unless it belongs to a cluster already."""
    write_private(site.directory / "run" / "kafka.properties", servers.kafka_properties(site))
    if (site.directory / "kafka" / "meta.properties").is_file():
        return
    cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # Kafka's own tool takes an id that begins with a dash for an option
    run_once(site, "kafka-format", servers.kafka_format(site, cluster_id.replace("-", "A", 1)))


def prepare_entry(site: Site, name: str) -> None:
    """Render an entry's configuration with today's ports; in the mesh it gets its credential, too."""
    if name == "edge":
        from ops import edge_certificate  # brings cryptography along

        edge_certificate.ensure(site.root / site.tls, datetime.now(UTC))
        if site.contained:  # it sees its own key there, and not the authority's
            for file in (edge_certificate.CERTIFICATE, edge_certificate.KEY):
                write_private(site.prepared(name, "run") / file, (site.root / site.tls / file).read_text())
    if site.mesh:
        text = bootstraps.entry(site, name, credential(site, Instance(name, name)))
    else:
        text = bootstraps.entry_without_mesh(site, name)
    write_private(site.prepared(name, "run") / f"{name}.yaml", text)


def prepare_sidecar(site: Site, instance: Instance) -> None:
    """Render a sidecar's configuration, with its credential."""
    text = bootstraps.sidecar(site, instance, credential(site, instance))
    name = mesh_parts.beside(instance.name)
    write_private(site.prepared(name, "run") / f"{name}.yaml", text)


def credential(site: Site, instance: Instance) -> str:
    """What opens the control plane to this node; the same as long as it holds."""
    from mesh.join import JoinCredentials  # brings pydantic along

    token = site.directory / "run" / f"{instance.name}.token"
    JoinCredentials(site.directory / "mesh" / "join").hand_out(instance.name, instance.workload, token)
    return token.read_text()


def lay_policy(site: Site) -> None:
    """A suite that starts anew begins with the policy of the checkout; "main" goes by that file itself."""
    of_the_checkout = Path("envoy", "mesh.yaml")
    if site.policy != of_the_checkout:
        shutil.copyfile(site.root / of_the_checkout, site.root / site.policy)


PREPARATIONS: Mapping[str, Callable[[Site], None]] = {
    "postgres": prepare_postgres,
    "kafka": prepare_kafka,
}


def prepare(site: Site, part: str) -> None:
    """Prepare one part's storage or configuration, if it needs any, and the folders of its sockets."""
    for known in topology.all_parts(site):
        if known.name == part:
            make_socket_folders(site, known)
    if part in PREPARATIONS and not site.contained:  # an official image prepares its storage itself
        PREPARATIONS[part](site)
    elif part in mesh_parts.ENTRIES:
        prepare_entry(site, part)
    for instance in topology.with_sidecars(site):
        if part == mesh_parts.beside(instance.name):
            prepare_sidecar(site, instance)


def make_socket_folders(site: Site, part: Part) -> None:
    """Open to their owner only, for a socket's own mode is set only after it listens."""
    for folder in sockets.folders(site, part):
        private_folder(site.directory / "sockets" / folder)


def read_override(site: Site, part: str) -> dict[str, str]:
    """The extra environment that a part has from its next start on."""
    return {name: str(value) for name, value in read_json(override_path(site, part)).items()}


def write_override(site: Site, part: str, environment: Mapping[str, str]) -> None:
    """Extra environment of a part from its next start on; empty takes it back. For tests."""
    path = override_path(site, part)
    if environment:
        write_private(path, json.dumps(dict(environment)))
    else:
        path.unlink(missing_ok=True)


def override_path(site: Site, part: str) -> Path:
    """The file that the launcher reads over the part's plan."""
    return site.prepared(part, "env") / f"{part}.override.json"
