"""What the pages name exists: links, paths, doors, variables, crash points, reasons."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.errors import CODES
from kit.settings import ProcessSettings, ServiceSettings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "protos" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
READMES = [
    *sorted((ROOT / "services").rglob("README.md")),
    *sorted((ROOT / "bff").rglob("README.md")),
    ROOT / "workflows" / "README.md",
]
TOP = "services|bff|workflows|mesh|protos|kit|ops|envoy|tests|docs|.ci"
MAX_README_LINES = 30
MAX_PAGE_COLUMNS = 125
ELSEWHERE = {"DEPENDENCY_UNAVAILABLE", "FIELD_UNKNOWN_VALUE"}
"""Reasons that the code spells in a way that the test does not find."""
LOG_ONLY = {"MAIL_NOT_TAKEN", "TOO_SLOW"}
"""Reasons of a mail that was not sent: notifications answers PENDING, and its log has them."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_of(folder: Path) -> str:
    """All of a folder's own Python; its tests, and what only tests use, left out."""
    files = [path for path in sorted(folder.rglob("*.py")) if not {"tests", "testing"} & set(path.parts)]
    return "\n".join(path.read_text() for path in files)


def settings_of(readme: Path) -> type[ProcessSettings]:
    """The settings of the service that a README describes."""
    module = ".".join(readme.parent.relative_to(ROOT).parts)
    found: type[ProcessSettings] = importlib.import_module(f"{module}.settings").Settings
    return found


def variables_of(settings: type[ProcessSettings]) -> set[str]:
    prefix = settings.model_config.get("env_prefix", "")
    return {f"{prefix}{name}".upper() for name in settings.model_fields}


def spelt_out(text: str) -> str:
    """`A_{X,Y}_B` is short for `A_X_B A_Y_B`."""
    return re.sub(
        r"(\w*)\{([A-Z,]+)\}(\w*)",
        lambda found: " ".join(f"{found[1]}{part}{found[3]}" for part in found[2].split(",")),
        text,
    )


@pytest.mark.parametrize("page", [*PAGES, *READMES], ids=name_of)
def test_every_relative_link_leads_to_something(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", [*PAGES, *READMES], ids=name_of)
def test_every_path_that_is_named_exists(page: Path) -> None:
    named = re.findall(rf"`((?:{TOP})/[\w./-]*)(?::\d+)?`", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", [*PAGES, *READMES], ids=name_of)
def test_every_door_that_is_named_exists(page: Path) -> None:
    doors = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ |\$\(|; )make ([a-z-]+)", page.read_text()))
    assert named - doors == set()


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "sagas.md"], ids=name_of)
def test_lines_are_short_enough_to_read(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert [line for line in lines if len(line) > MAX_PAGE_COLUMNS] == []


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_a_service_says_what_it_is_in_thirty_lines(readme: Path) -> None:
    assert len(readme.read_text().splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_the_variables_that_a_service_names_exist(readme: Path) -> None:
    every = set().union(*(variables_of(settings_of(other)) for other in READMES))
    prefixes = "|".join(sorted({name.split("_")[0] for name in every}))
    named = set(re.findall(rf"\b(?:{prefixes})_[A-Z_]+\b", spelt_out(readme.read_text())))
    assert named - every == set()


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_a_service_names_every_variable_of_its_own(readme: Path) -> None:
    settings = settings_of(readme)
    own = {name for name in settings.model_fields if name not in ServiceSettings.model_fields}
    prefix = settings.model_config.get("env_prefix", "")
    named = spelt_out(readme.read_text())
    assert [name for name in sorted(own) if f"{prefix}{name}".upper() not in named] == []


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_the_crash_points_of_a_service_are_those_of_its_code(readme: Path) -> None:
    service = readme.parent.name
    named = set(re.findall(rf"`({service}\.(?:[a-z_0-9]|<step>)+)`", readme.read_text()))
    in_code = set(crash_points(readme.parent, service))
    patterns = [re.escape(name).replace("<step>", r"\w+") for name in named if "<step>" in name]
    special = {name for name in in_code - named if any(re.fullmatch(pattern, name) for pattern in patterns)}
    assert named - {f"{service}.py"} == in_code - special


def crash_points(folder: Path, service: str) -> Iterator[str]:
    """The crash points in a service's code; one that is put together has `<step>` in it."""
    for name in re.findall(r'crashpoint\(f?"([^"]+)"\)', code_of(folder)):
        if name.startswith(f"{service}."):
            yield re.sub(r"\{[^}]+\}", "<step>", name)


def test_the_table_of_reasons_is_that_of_the_code() -> None:
    code = code_of(ROOT / "kit") + code_of(ROOT / "services")
    kinds = "|".join(CODES)
    in_code = set(re.findall(rf'kind, reason = "(?:{kinds})", "([A-Z_]+)"', code))
    in_code |= set(re.findall(rf'Problem\(\s*"(?:{kinds})",\s*"([A-Z_]+)"', code))
    in_code |= set(re.findall(r'return "([A-Z]+_[A-Z_]+)"', code_of(ROOT / "kit")))
    protos = "\n".join(path.read_text() for path in sorted((ROOT / "protos" / "ordermesh").rglob("*.proto")))
    in_code |= {rule.upper() for rule in re.findall(r'id: "([a-z_]+)"', protos)}
    page = (ROOT / "docs" / "wire.md").read_text().split("| reason | status | from |")[1].split("\n\n")[0]
    table = set(re.findall(r"^\| ([A-Z_]+) \|", page, re.MULTILINE))
    assert table - in_code - ELSEWHERE == set()
    assert in_code - table - LOG_ONLY == set()


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "adr").glob("*.md")), ids=name_of)
def test_a_decision_has_the_five_headings(page: Path) -> None:
    headings = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "Alternatives", "Status"]
