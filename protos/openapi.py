"""Write the OpenAPI document of the public REST API from the protos: paths from google.api.http, schemas from
messages, limits from protovalidate's rules, who may call from our access option, words from the comments.

It knows what our protos use and refuses what it does not know. JSON is as the edge writes it
(envoy/public.yaml): names as in the proto, enums by name, 64-bit numbers as strings, empty values present.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet

from buf.validate import validate_pb2
from ordermesh.access.v1 import access_pb2
from protos.described import Protos, Rpc, commented

Json = dict[str, Any]
Field = FieldDescriptorProto

ABOUT: Json = {
    "openapi": "3.1.0",
    "info": {
        "title": "OrderMesh",
        "version": "v1",
        "description": "The public API as JSON. It is gRPC, transcoded at the edge: each operation is the RPC"
        " of the same name. Unknown fields of a body are ignored; unknown parameters are refused.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    },
    "servers": [{"url": "/", "description": "The edge that serves this document."}],
}
ERROR: Json = {
    "type": "object",
    "description": "google.rpc.Status. One detail is a google.rpc.ErrorInfo; its `reason` is stable.",
    "required": ["code", "message", "details"],
    "properties": {
        "code": {"type": "integer", "format": "int32", "description": "A google.rpc.Code."},
        "message": {"type": "string", "description": "For developers; not stable."},
        "details": {
            "type": "array",
            "items": {"type": "object", "required": ["@type"], "properties": {"@type": {"type": "string"}}},
        },
    },
}
PROBLEM: Json = {
    "type": "object",
    "description": "RFC 9457: what is no HTTP at all is refused before it is known what was called.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "description": "Always about:blank: the status says what it is."},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer", "format": "int32", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "For developers; not stable."},
        "code": {"type": "string", "description": "The reason; stable."},
        "traceId": {"type": "string", "description": "Names the call in logs; empty before it was read."},
    },
}
BEARER: Json = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Of SignIn."}
KNOWN: Mapping[str, Json] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
}
SCALARS: Mapping[int, Json] = {
    Field.TYPE_STRING: {"type": "string"},
    Field.TYPE_BOOL: {"type": "boolean"},
    Field.TYPE_INT32: {"type": "integer", "format": "int32"},
    Field.TYPE_INT64: {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"},
}
VARIABLE = re.compile(r"\{([a-z_]+)\}")


class Unknown(Exception):
    """The protos use something that this generator does not know."""


def document(files: FileDescriptorSet) -> Json:
    """The document of all annotated RPCs in a set that has source information."""
    return _Writer(Protos.of(files)).document()


class _Writer:
    def __init__(self, protos: Protos) -> None:
        self._protos = protos
        self._schemas: dict[str, Json] = {"Status": ERROR, "Problem": PROBLEM}
        self._named: dict[str, str] = {}

    def document(self) -> Json:
        paths: dict[str, Json] = {}
        tags: dict[str, Json] = {}
        for rpc in self._protos.rpcs():
            tag = rpc.service.rsplit(".", 1)[-1].removesuffix("Service").lower()
            tags[tag] = {"name": tag, "description": self._protos.services[rpc.service].comment}
            paths.setdefault(rpc.path, {})[rpc.verb] = self._operation(rpc, tag)
        problem = {"application/problem+json": {"schema": _ref("Problem")}}
        error = {"description": "Refused or failed.", "content": _json(_ref("Status")) | problem}
        return ABOUT | {
            "tags": [tags[name] for name in sorted(tags)],
            "paths": dict(sorted(paths.items())),
            "components": {
                "schemas": dict(sorted(self._schemas.items())),
                "responses": {"Error": error},
                "securitySchemes": {"bearer": BEARER},
            },
        }

    def _operation(self, rpc: Rpc, tag: str) -> Json:
        bound = VARIABLE.findall(rpc.path)
        request, answer = rpc.method.input_type[1:], rpc.method.output_type[1:]
        found: Json = {"operationId": rpc.method.name, "tags": [tag], "description": rpc.comment}
        found["parameters"] = list(self._parameters(request, bound, queried=not rpc.has_body))
        if rpc.has_body:
            body = self._message(request, asked=True, without=bound)
            found["requestBody"] = {"required": True, "content": _json(body)}
        said = self._message(answer, asked=False)
        content = _json(said)
        if rpc.method.server_streaming:
            note = {"type": "string", "description": "Server-sent events; `data` is one message each."}
            content = {"text/event-stream": {"schema": note, "x-event-data": said}}
        comment = self._protos.messages[answer].comment
        found["responses"] = {
            "200": {"description": comment, "content": content},
            "default": {"$ref": "#/components/responses/Error"},
        }
        users = rpc.method.options.Extensions[access_pb2.access] == access_pb2.ACCESS_USER
        found["security"] = [{"bearer": []}] if users else []
        return found

    def _parameters(self, request: str, bound: list[str], *, queried: bool) -> Iterator[Json]:
        for field, comment in commented(self._protos.messages[request]):
            place = "path" if field.name in bound else "query"
            if place == "query" and not queried:
                continue
            schema = self._field(field, "", asked=True)
            found: Json = {"name": field.name, "in": place, "description": comment, "schema": schema}
            if place == "path" or _needed(field):
                found["required"] = True
            yield found

    def _message(self, name: str, *, asked: bool, without: list[str] | None = None) -> Json:
        """A reference to the schema of a message; `asked` if callers send it."""
        if name in KNOWN:
            return dict(KNOWN[name])
        short = self._short(name)
        if short not in self._schemas:
            self._schemas[short] = found = {"type": "object", "properties": {}}
            message = self._protos.messages[name]
            fields = [(f, c) for f, c in commented(message) if f.name not in (without or ())]
            found["description"] = message.comment
            found["properties"] = {f.name: self._field(f, comment, asked=asked) for f, comment in fields}
            if needed := [f.name for f, _ in fields if (_needed(f) if asked else _always_there(f))]:
                found["required"] = needed
        return _ref(short)

    def _enum(self, name: str) -> Json:
        short = self._short(name)
        if short not in self._schemas:
            enum = self._protos.enums[name]
            names = [value.name for value in enum.what.value]
            told = [f"- `{value}`: {text}" for value, text in zip(names, enum.inner, strict=True)]
            text = "\n".join([enum.comment, "", *told])
            self._schemas[short] = {"type": "string", "description": text, "enum": names}
        return _ref(short)

    def _short(self, name: str) -> str:
        short = name.rsplit(".", 1)[-1]
        if self._named.setdefault(short, name) != name or short in ("Status", "Problem"):
            raise Unknown(f"two schemas would have the name {short}; one is {name}")
        return short

    def _field(self, field: Field, comment: str, *, asked: bool) -> Json:
        rules = field.options.Extensions[validate_pb2.field]
        one = self._one(field, asked=asked)
        if field.label == Field.LABEL_REPEATED:
            found = {"type": "array", "items": one | _limits(rules.repeated.items)} | _many(rules)
        else:
            found = one | _limits(rules)
        words = [comment, *(f"It {each.message}." for each in rules.cel)]
        text = " ".join(word for word in words if word)
        return found | ({"description": text} if text else {})

    def _one(self, field: Field, *, asked: bool) -> Json:
        if field.type == Field.TYPE_ENUM:
            return self._enum(field.type_name[1:])
        if field.type == Field.TYPE_MESSAGE:
            return self._message(field.type_name[1:], asked=asked)
        if field.type not in SCALARS or field.HasField("oneof_index"):
            raise Unknown(f"the field {field.name} has a type that has no schema yet")
        return dict(SCALARS[field.type])


def _limits(rules: Any) -> Json:
    """What protovalidate demands of one value, as far as a schema can say it."""
    found: Json = {}
    text = rules.string
    names = {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern"}
    found |= {names[key]: getattr(text, key) for key in names if text.HasField(key)}
    if (kind := text.WhichOneof("well_known")) in ("uuid", "email"):
        found["format"] = kind
    for key, name in (("gte", "minimum"), ("lte", "maximum")):
        if rules.int32.HasField(key):
            found[name] = getattr(rules.int32, key)
    if rules.int64.HasField("gte") and rules.int64.gte == 0:
        found["pattern"] = "^[0-9]+$"
    return found


def _many(rules: Any) -> Json:
    many = rules.repeated
    found = {"minItems": many.min_items} if many.HasField("min_items") else {}
    found |= {"maxItems": many.max_items} if many.HasField("max_items") else {}
    return found | ({"uniqueItems": True} if many.unique else {})


def _needed(field: Field) -> bool:
    """Whether the empty value, which is what an absent field has, breaks a rule."""
    rules = field.options.Extensions[validate_pb2.field]
    text = rules.string
    return bool(
        rules.required
        or text.min_len
        or text.WhichOneof("well_known")
        or (text.pattern and not re.search(text.pattern, ""))
        or rules.repeated.min_items
        or rules.int32.gte > 0
    )


def _always_there(field: Field) -> bool:
    """An answer leaves out only messages that are not set."""
    return field.label == Field.LABEL_REPEATED or field.type != Field.TYPE_MESSAGE


def _ref(short: str) -> Json:
    return {"$ref": f"#/components/schemas/{short}"}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}
