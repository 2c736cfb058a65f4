"""Values as Envoy's messages have them."""

from datetime import timedelta

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.type.v3.percent_pb2 import FractionalPercent
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message


def duration(span: timedelta) -> Duration:
    """A time span."""
    found = Duration()
    found.FromTimedelta(span)
    return found


def share(percentage: float) -> FractionalPercent:
    """A percentage, as fine as a ten-thousandth of one."""
    million = FractionalPercent.DenominatorType.MILLION
    return FractionalPercent(numerator=round(percentage * 10_000), denominator=million)


def overwriting(name: str, value: str) -> HeaderValueOption:
    """A header that is set, whatever it was before."""
    action = HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
    return HeaderValueOption(header=HeaderValue(key=name, value=value), append_action=action)


def pack(place: Any, message: Message) -> None:
    """Put a message into a place for any, as the same bytes in every process: by them a proxy is told that
    something is new, and a listener that is new drains its connections.
    """
    place.Pack(message, deterministic=True)
