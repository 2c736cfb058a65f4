"""In production only documents that clients were built with are carried out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bff.web import trusted
from bff.web.tests.client import Web, web
from bff.web.tests.shop import stocked

KNOWN = "query($sku: Sku!) { product(sku: $sku) { title } }"
ID = hashlib.sha256(KNOWN.encode()).hexdigest()
VARIABLES = {"sku": "MUG-BLUE"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "documents.json"
    path.write_text(json.dumps({ID: KNOWN}))
    return path


@pytest.fixture
async def strict(file: Path) -> AsyncIterator[Web]:
    async with web(stocked(), profile="prod", documents=str(file)) as found:
        yield found


async def test_a_known_document_is_carried_out_by_its_id_or_its_text(strict: Web) -> None:
    by_id = await strict.http.post("/web/graphql", json={"documentId": ID, "variables": VARIABLES})
    by_text = await strict.ask(KNOWN, VARIABLES)
    assert by_id.json()["data"] == by_text.data == {"product": {"title": "Mug-Blue"}}


@pytest.mark.parametrize("body", [{"query": f"{KNOWN} "}, {"documentId": ID[::-1]}, {"query": "{"}])
async def test_any_other_is_not(strict: Web, body: dict[str, str]) -> None:
    answer = await strict.http.post("/web/graphql", json=body)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (400, "DOCUMENT_NOT_ALLOWED")
    assert not strict.shop.calls


async def test_an_id_means_nothing_where_there_are_no_documents(ada: Web) -> None:
    answer = await ada.http.post("/web/graphql", json={"documentId": ID})
    assert answer.json()["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "JSON"), ("[]", "object"), ('{"a": 1}', "object"), (f'{{"{ID}": "another"}}', "SHA-256")],
)
def test_a_file_that_is_none_is_refused_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "documents.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        trusted.read(str(path))
    with pytest.raises(ValueError, match="cannot be read"):
        trusted.read(str(tmp_path / "none"))
