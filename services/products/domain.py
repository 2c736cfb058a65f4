"""The rules of the catalogue: how prices change, and what a search looks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True)
class Price:
    """An amount in minor units (cents) of its currency."""

    minor: int
    currency_code: str


@dataclass(frozen=True)
class Product:
    """One thing that can be ordered."""

    sku: str
    title: str
    description: str
    category: str
    price: Price
    update_time: datetime


@dataclass(frozen=True)
class Page:
    """Some products in the order of their skus, and whether there are more."""

    products: tuple[Product, ...]
    more: bool


class ProductNotFound(Exception):
    """The catalogue has no such product; all missing ones are named at once."""

    kind, reason = "missing", "PRODUCT_NOT_FOUND"

    def __init__(self, skus: Sequence[str]) -> None:
        # The metadata names all; the message only some, for both travel in headers of limited size.
        rest = len(skus) - NAMED_IN_MESSAGE
        more = f" and {rest} more" if rest > 0 else ""
        super().__init__(f"there is no product {', '.join(skus[:NAMED_IN_MESSAGE])}{more}")
        self.details = {"sku": ",".join(skus)}


class CurrencyMismatch(Exception):
    """A product keeps its currency: orders hold sums of one currency only."""

    kind, reason, field = "invalid", "MONEY_INVALID", "price"

    def __init__(self, product: Product, currency_code: str) -> None:
        ours = product.price.currency_code
        super().__init__(f"{product.sku} is priced in {ours}, not in {currency_code}")
        self.details = {"sku": product.sku, "currency_code": ours}


NAMED_IN_MESSAGE = 10


def reprice(product: Product, price: Price, now: datetime) -> Product:
    """The product with another price in the same currency; the same price changes nothing."""
    if price.currency_code != product.price.currency_code:
        raise CurrencyMismatch(product, price.currency_code)
    if price == product.price:
        return product
    return replace(product, price=price, update_time=now)


def in_order_asked(skus: Sequence[str], found: Mapping[str, Product]) -> tuple[Product, ...]:
    """All products that were asked for, in that order, or ProductNotFound for all that are missing."""
    if missing := [sku for sku in skus if sku not in found]:
        raise ProductNotFound(missing)
    return tuple(found[sku] for sku in skus)


def words(query: str) -> tuple[str, ...]:
    """What a search looks for: every word once, whatever its case and sequence."""
    return tuple(sorted(set(query.lower().split())))


def page(found: Sequence[Product], size: int) -> Page:
    """Cut a page out of products of which one more than its size was asked for."""
    return Page(tuple(found[:size]), more=len(found) > size)
