"""Pulumi's property values as plain Python, and back."""

from collections.abc import Mapping
from typing import Any

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # stands for a value that a preview cannot know
SIGNATURE = "4dabf18193072939515e22adb298388d"  # the key that marks a special object
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of a secret, not one
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


def to_python(message: Any) -> dict[str, Any]:
    """Return a Struct as a dict: whole numbers as int, secrets and outputs as what they hold."""
    from google.protobuf.json_format import MessageToDict

    found: dict[str, Any] = plain(MessageToDict(message))
    return found


def to_struct(values: Mapping[str, Any]) -> Any:
    """Return a dict as a Struct; what is None is left out."""
    from google.protobuf.struct_pb2 import Struct

    struct = Struct()
    struct.update({key: value for key, value in values.items() if value is not None})
    return struct


def plain(value: Any) -> Any:
    """Return a property value without Pulumi's marks, and with int where a float is whole (a Struct has no int)."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        if value.get(SIGNATURE) in (SECRET, OUTPUT):
            return plain(value.get("value", UNKNOWN))
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def labels(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return the `labels` input as the engine wants it."""
    return {one["label"]: one["value"] for one in inputs.get("labels") or []}
