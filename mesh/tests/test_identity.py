"""A SPIFFE id names one workload of one mesh, or is refused with the reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.identity import NotAnIdentity, OtherTrustDomain, check_workload, spiffe_id, workload_of

WORKLOADS = st.from_regex(r"[a-z][a-z0-9-]{0,62}", fullmatch=True)


def test_a_workload_has_an_id_in_our_trust_domain() -> None:
    assert spiffe_id("orders") == "spiffe://ordermesh.local/orders"


@given(WORKLOADS)
def test_an_id_names_the_workload_that_it_was_made_for(workload: str) -> None:
    assert workload_of(spiffe_id(workload)) == workload


@given(st.text())
def test_a_text_is_an_id_only_if_it_is_the_id_of_what_it_names(text: str) -> None:
    try:
        workload = workload_of(text)
    except (NotAnIdentity, OtherTrustDomain):
        return
    assert spiffe_id(workload) == text


@pytest.mark.parametrize(
    "name", ["", "Orders", "1orders", "orders/admin", "or ders", "orders\n", "o" * 64, "é"]
)
def test_a_workload_cannot_be_called(name: str) -> None:
    with pytest.raises(NotAnIdentity, match="is no workload"):
        check_workload(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "orders",
        "https://ordermesh.local/orders",
        "SPIFFE://ordermesh.local/orders",
        "spiffe:///orders",
        "spiffe://ordermesh.local/",
        "spiffe://ordermesh.local/orders/",
        "spiffe://ordermesh.local//orders",
        "spiffe://ordermesh.local:8443/orders",
        "spiffe://ada@ordermesh.local/orders",
        "spiffe://ORDERMESH.local/orders",
        "spiffe://ordermesh.local/orders?x=1",
        "spiffe://ordermesh.local/orders#x",
        "spiffe://ordermesh.local/%6frders",
        "spiffe://ordermesh.local/orders\n",
    ],
)
def test_what_is_no_spiffe_id_is_refused(text: str) -> None:
    with pytest.raises(NotAnIdentity, match="is no SPIFFE id"):
        workload_of(text)


@pytest.mark.parametrize(
    "text",
    ["spiffe://ordermesh.local/ns/orders", "spiffe://ordermesh.local/..", "spiffe://ordermesh.local/Orders"],
)
def test_a_path_that_is_not_one_workload_is_refused(text: str) -> None:
    with pytest.raises(NotAnIdentity, match="is no workload"):
        workload_of(text)


def test_the_id_of_a_trust_domain_is_no_workloads() -> None:
    with pytest.raises(NotAnIdentity, match="no workload"):
        workload_of("spiffe://ordermesh.local")


@pytest.mark.parametrize(
    "domain", ["ordermesh.example", "ordermesh.local.example", "evil-ordermesh.local", "ordermesh"]
)
def test_another_mesh_is_told_apart(domain: str) -> None:
    with pytest.raises(OtherTrustDomain, match=r"another trust domain than ordermesh\.local"):
        workload_of(f"spiffe://{domain}/orders")
