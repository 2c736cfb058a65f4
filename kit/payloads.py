"""How values become the payloads that Temporal keeps: `json/protobuf`."""

from temporalio.converter import (
    BinaryNullPayloadConverter,
    BinaryPlainPayloadConverter,
    BinaryProtoPayloadConverter,
    CompositePayloadConverter,
    DataConverter,
    JSONPlainPayloadConverter,
    JSONProtoPayloadConverter,
)


class TolerantPayloadConverter(CompositePayloadConverter):
    """The SDK's converters, but a field that this code does not know yet is no error."""

    def __init__(self) -> None:
        super().__init__(
            BinaryNullPayloadConverter(),
            BinaryPlainPayloadConverter(),
            JSONProtoPayloadConverter(ignore_unknown_fields=True),
            BinaryProtoPayloadConverter(),
            JSONPlainPayloadConverter(),
        )


def data_converter() -> DataConverter:
    """The converter of every Temporal client and worker of the suite."""
    return DataConverter(payload_converter_class=TolerantPayloadConverter)
