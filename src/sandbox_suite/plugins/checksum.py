"""Writing `checksums.package_sha256` into the text of a manifest, leaving every other byte as it is."""

from typing import Any

import yaml

from sandbox_suite.core.errors import RequestError

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
BLANK = "0" * 64  # the value that the manifest itself is hashed with: it cannot hold its own hash


def stamp(text: str, value: str) -> str:
    """Return `text` with `checksums.package_sha256` set to `value`."""
    stamped = _stamp(text, value)
    if _value(stamped) != value:
        raise RequestError(
            "plugin.yaml: the package's checksum cannot be written into it",
            remedy='write `checksums:` and, below it, `package_sha256: ""`, in one plain YAML document',
        )
    return stamped


def _stamp(text: str, value: str) -> str:
    root = yaml.compose(text, Loader=LOADER)
    pair = f'package_sha256: "{value}"'
    block = _child(root, "checksums")
    if block is None and isinstance(root, yaml.MappingNode) and root.flow_style:
        return _insert(text, root.start_mark.index + 1, f"checksums: {{{pair}}}" + ", " * bool(root.value))
    if block is None:
        return f"{text}{'' if text.endswith(chr(10)) else chr(10)}checksums:\n  {pair}\n"
    if not isinstance(block, yaml.MappingNode):  # `checksums:` with nothing after it
        return _replace(text, block, f" {{{pair}}}")
    known = _child(block, "package_sha256")
    if known is not None:
        return _replace(text, known, f'"{value}"' if known.start_mark.index != known.end_mark.index else f' "{value}"')
    if block.flow_style:
        return _insert(text, block.start_mark.index + 1, pair + ", " * bool(block.value))
    return _insert(text, block.start_mark.index, pair + "\n" + " " * block.start_mark.column)


def _value(text: str) -> object:
    try:
        content = yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe loader
        return content["checksums"]["package_sha256"]
    except (yaml.YAMLError, KeyError, TypeError):
        return None


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _insert(text: str, index: int, piece: str) -> str:
    return text[:index] + piece + text[index:]


def _replace(text: str, node: yaml.Node, piece: str) -> str:
    return text[: node.start_mark.index] + piece + text[node.end_mark.index :]
