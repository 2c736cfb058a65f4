"""google.type.Money on the wire, integers of minor units (cents) inside; never a float.

Every currency here has two decimals; the protos refuse amounts that are not whole cents.
"""

from google.type.money_pb2 import Money

_MINOR_PER_UNIT = 100
_NANOS_PER_MINOR = 10_000_000


def to_minor(money: Money) -> int:
    """Whole minor units of an amount."""
    return int(money.units) * _MINOR_PER_UNIT + int(money.nanos) // _NANOS_PER_MINOR


def from_minor(minor: int, currency_code: str) -> Money:
    """An amount of whole minor units; units and nanos have the same sign."""
    sign = -1 if minor < 0 else 1
    units, rest = divmod(abs(minor), _MINOR_PER_UNIT)
    return Money(currency_code=currency_code, units=sign * units, nanos=sign * rest * _NANOS_PER_MINOR)
