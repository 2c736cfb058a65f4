"""Turns broken protovalidate rules into one INVALID_ARGUMENT that names every field."""

from collections.abc import Sequence

import protovalidate

from kit.errors import Problem, Violation

_STANDARD_REASONS = {"enum.defined_only": "FIELD_UNKNOWN_VALUE"}


def problem_of(violations: Sequence[protovalidate.Violation]) -> Problem:
    """All violations at once; the reason is the rule's own if only one kind of rule is broken."""
    reasons = {_reason(violation) for violation in violations}
    reason = reasons.pop() if len(reasons) == 1 else "VALIDATION_FAILED"
    found = [Violation(_path(violation), violation.proto.message) for violation in violations]
    said = "; ".join(f"{v.field}: {v.description}" for v in found)
    return Problem("invalid", reason, said, violations=found)


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
