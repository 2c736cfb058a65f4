"""The demo data: what the catalogue sells and what the stock holds are written in two files."""

import re

from services.products.wiring import MIGRATIONS

SERVICES = MIGRATIONS.parents[1]
ROW = re.compile(r"^    \('([A-Z0-9-]+)', (.*)\)", re.MULTILINE)


def rows(path: str) -> dict[str, str]:
    found = ROW.findall((SERVICES / path).read_text())
    assert len(found) == len(dict(found)), "a sku stands twice"
    return dict(found)


def test_every_product_of_the_demo_has_a_stock_record_and_no_other_has() -> None:
    catalogue = rows("products/seeds/20261123000001_catalogue.sql")
    stock = rows("inventory/seeds/20261123000001_stock.sql")
    assert len(catalogue) == 60
    assert set(catalogue) == set(stock)


def test_the_demo_stock_begins_as_it_adds_up_and_has_scarce_things() -> None:
    stock = {
        sku: [int(part) for part in row.split(", ")]
        for sku, row in rows("inventory/seeds/20261123000001_stock.sql").items()
    }
    assert all(initial == on_hand for initial, on_hand in stock.values())
    assert stock["MUG-BLUE"][0] == 100_000
    assert {sku: row[0] for sku, row in stock.items() if row[0] < 1000} == {
        "LAMP-RARE": 3,
        "CLOCK-SOLDOUT": 0,
    }
