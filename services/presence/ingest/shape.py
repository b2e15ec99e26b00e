"""What a dead letter says of a frame: its shape, and nothing that anybody wrote.

A frame that cannot be read may be about anybody, and of who is not enrolled nothing may be kept. So of JSON the names of
its fields stay, which are the network's, and of values only what they are; of other bytes nothing.
"""

import re
from typing import Any

import msgspec

SHAPE_BYTES_MAX = 4_096
DEPTH_MAX = 12
FIELDS_MAX = 100
ITEMS_MAX = 3
"""Of a list: its items are alike."""
_NAME = re.compile(r"[@$]?[A-Za-z][A-Za-z_]{0,39}")
"""A field of a schema. What has digits, dots or more is as likely data: `name` stands for it."""


def shape(data: bytes) -> bytes:
    """The shape of a frame's bytes as JSON of SHAPE_BYTES_MAX at most; empty if they are no JSON or it is longer.

    >>> shape(b'{"did": "did:plc:ada", "n": [1, 2.5, null], "ada.example": true}')
    b'{"did":"text","n":["integer","number","null"],"name":"boolean"}'
    """
    try:
        found = msgspec.json.encode(_shape(msgspec.json.decode(data), 0))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    return found if len(found) <= SHAPE_BYTES_MAX else b""


def _shape(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        if depth == DEPTH_MAX:
            return "object"
        fields = list(value.items())[:FIELDS_MAX]
        return {_name(name): _shape(each, depth + 1) for name, each in fields}
    if isinstance(value, list):
        return "list" if depth == DEPTH_MAX else [_shape(each, depth + 1) for each in value[:ITEMS_MAX]]
    if isinstance(value, bool):
        return "boolean"
    words = {str: "text", int: "integer", float: "number", type(None): "null"}
    return words[type(value)]


def _name(name: str) -> str:
    return name if _NAME.fullmatch(name) else "name"
