"""The pages that show commands are run from top to bottom, a shell each, against the suite under test."""

import os
import shutil
from pathlib import Path

import pytest

from ops.suite import Suite
from tests.docs import console

pytestmark = [pytest.mark.suite, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/tour.md")
BLOCKS = [(page, block) for page in PAGES for block in console.blocks((ROOT / page).read_text())]
PORTS = {"edge": 8080, "edge_tls": 8443, "operator": 8081, "temporal_ui": 8233}
PAGE_SECONDS = 280.0
MAKE = ("MAKEFLAGS", "MAKELEVEL")
MESH = ("FROM", "TO", "METHODS", "DELAY", "ABORT", "PERCENT", "OFF", "WEIGHTS", "HEADERS", "VERSION", "LOGS")
CHOICES = (
    *MAKE,
    "MODE",
    "CARD",
    "SKU",
    "QTY",
    "JSON",
    "USER",
    "CLIENT",
    "SCOPES",
    "NAME",
    "SECRET",
    "S",
    "F",
    "N",
    "WAIT",
    "FLOW",
    *MESH,
)


@pytest.fixture(scope="module")
def printed(suite: Suite) -> dict[tuple[str, int], list[list[str]]]:
    """What the commands of each block print, by its page and line."""
    return {(page, line): outputs for page in PAGES for line, outputs in outputs_of(page, suite).items()}


def outputs_of(page: str, suite: Suite) -> dict[int, list[list[str]]]:
    """Run one page; what the commands of each block print, by the block's line."""
    steps = [(block.line, step) for name, block in BLOCKS if name == page for step in block.steps]
    environment = {name: value for name, value in os.environ.items() if name not in CHOICES}
    environment |= {"SUITE": suite.name, "PATH": f"{ROOT / 'var' / 'bin'}:{os.environ['PATH']}"}
    outputs: dict[int, list[list[str]]] = {line: [] for line, _ in steps}
    commands = [of_suite(step.command, suite) for _, step in steps]
    for (line, _), output in zip(steps, console.run(commands, ROOT, environment, PAGE_SECONDS), strict=True):
        outputs[line].append(output)
    return outputs


def of_suite(text: str, suite: Suite) -> str:
    """The page speaks of the suite `main`; the one under test has other ports."""
    for name, port in PORTS.items():
        text = text.replace(f"localhost:{port}", f"localhost:{suite.ports[name]}")
    return text.replace("suite main", f"suite {suite.name}").replace("suites/main", f"suites/{suite.name}")


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=lambda value: str(getattr(value, "line", value)))
def test_a_block_prints_what_the_page_shows(
    page: str, block: console.Block, printed: dict[tuple[str, int], list[list[str]]], suite: Suite
) -> None:
    if any(" curl " in f" {step.command}" for step in block.steps) and not shutil.which("curl"):
        pytest.skip("this machine has no curl")
    for step, output in zip(block.steps, printed[page, block.line], strict=True):
        expected = [of_suite(line, suite) for line in step.expected]
        assert console.matches(expected, output), (
            f"$ {step.command}\n--- {page} shows\n"
            + "\n".join(console.normalised(expected))
            + "\n--- printed\n"
            + "\n".join(console.normalised(output))
        )


def test_the_readme_shows_what_it_says() -> None:
    shown = [block for page, block in BLOCKS if page == "README.md"]
    assert len(shown) >= 6, "a README whose blocks are not run proves nothing"
