"""Turns broken protovalidate rules into one INVALID_ARGUMENT that names the fields."""

from collections.abc import Iterator, Sequence

import protovalidate
from google.protobuf.message import Message

from kit.errors import Problem, Violation

_STANDARD_REASONS = {"enum.defined_only": "FIELD_UNKNOWN_VALUE"}

# An error travels in HTTP/2 trailers; above 8 KiB of them gRPC clients may drop the whole answer.
MAX_FIELDS = 40
MAX_FIELDS_IN_MESSAGE = 5


def problem_of(violations: Sequence[protovalidate.Violation]) -> Problem:
    """All violations at once (the first forty); the reason is the rule's own if only one kind is broken."""
    reasons = {_reason(violation) for violation in violations}
    reason = reasons.pop() if len(reasons) == 1 else "VALIDATION_FAILED"
    found = [Violation(_path(violation), violation.proto.message) for violation in violations]
    return _problem(reason, found)


def nul_problem(message: Message) -> Problem | None:
    """What is wrong with a message that has NUL in a text: PostgreSQL cannot store it. None if nothing is."""
    found = [Violation(path, "must not contain the character NUL") for path in _nul_paths(message)]
    return _problem("VALIDATION_FAILED", found) if found else None


def _problem(reason: str, found: Sequence[Violation]) -> Problem:
    said = "; ".join(f"{v.field}: {v.description}" for v in found[:MAX_FIELDS_IN_MESSAGE])
    more = len(found) - MAX_FIELDS_IN_MESSAGE
    message = f"{said}; and {more} more" if more > 0 else said
    return Problem("invalid", reason, message, violations=found[:MAX_FIELDS])


def _nul_paths(message: Message, prefix: str = "") -> Iterator[str]:
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        if isinstance(value, str | Message):
            entries = [(path, value)]
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            entries = [(f"{path}[{key!r}]", part) for key in value for part in (key, value[key])]
        elif field.message_type is not None or field.type == field.TYPE_STRING:
            entries = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
        else:
            continue
        for where, part in entries:
            if isinstance(part, Message):
                yield from _nul_paths(part, f"{where}.")
            elif isinstance(part, str) and "\0" in part:
                yield where


def _reason(violation: protovalidate.Violation) -> str:
    """A rule of ours is named without a dot (`duplicate_sku`); its name is the reason."""
    rule = violation.proto.rule_id
    if _path(violation) == "request_id" and not violation.field_value:
        return "REQUEST_ID_REQUIRED"
    if "." not in rule and rule != "required":
        return rule.upper()
    return _STANDARD_REASONS.get(rule, "VALIDATION_FAILED")


def _path(violation: protovalidate.Violation) -> str:
    """The field's path as a caller would write it: `lines[0].sku`."""
    path = ""
    for element in violation.proto.field.elements if violation.proto.field else ():
        path += ("." if path else "") + element.field_name
        if element.subscript is not None:
            path += f"[{element.subscript.value}]"
    return path
