"""Values as Envoy's messages have them."""

from datetime import timedelta

from envoy.type.v3.percent_pb2 import FractionalPercent
from google.protobuf.duration_pb2 import Duration


def duration(span: timedelta) -> Duration:
    """A time span."""
    found = Duration()
    found.FromTimedelta(span)
    return found


def share(percentage: float) -> FractionalPercent:
    """A percentage, as fine as a ten-thousandth of one."""
    million = FractionalPercent.DenominatorType.MILLION
    return FractionalPercent(numerator=round(percentage * 10_000), denominator=million)
