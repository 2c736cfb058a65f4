"""How values become the payloads that Temporal keeps: `json/protobuf`, and encrypted if there are keys.

Whoever starts a workflow, works on one or replays one uses `data_converter`, all with the same keys.
"""

from temporalio.converter import (
    BinaryNullPayloadConverter,
    BinaryPlainPayloadConverter,
    BinaryProtoPayloadConverter,
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    JSONPlainPayloadConverter,
    JSONProtoPayloadConverter,
)

from kit.payload_codec import EncryptingCodec
from kit.payload_keys import PayloadKeys

NO_KEYS = PayloadKeys()


class TolerantPayloadConverter(CompositePayloadConverter):
    """The SDK's converters, but a field that this code does not know yet is no error.

    While a rolling deploy runs, an old worker meets the messages of a new one.
    """

    def __init__(self) -> None:
        super().__init__(
            BinaryNullPayloadConverter(),
            BinaryPlainPayloadConverter(),
            JSONProtoPayloadConverter(ignore_unknown_fields=True),
            BinaryProtoPayloadConverter(),
            JSONPlainPayloadConverter(),
        )


def data_converter(keys: PayloadKeys = NO_KEYS) -> DataConverter:
    """The converter of every Temporal client and worker of the suite.

    With a current key the message and the stack trace of a failure are encrypted too.
    """
    return DataConverter(
        payload_converter_class=TolerantPayloadConverter,
        payload_codec=EncryptingCodec(keys) if keys.keys else None,
        failure_converter_class=(
            DefaultFailureConverterWithEncodedAttributes if keys.current else DefaultFailureConverter
        ),
    )
