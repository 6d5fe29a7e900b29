"""YAML documents checked against a pydantic model: every mistake at once, each with its line."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.findings import Finding

Model = TypeVar("Model", bound=BaseModel)
Path_ = tuple[str | int, ...]
# libyaml's parser is ten times as fast; PyYAML may be built without it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Lines(_Base):  # type: ignore[misc]
    """Refuses duplicate keys, which YAML's own loader drops silently."""


def _mapping(loader: _Lines, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.MarkedYAMLError(problem=f"`{key}` stands twice", problem_mark=key_node.start_mark)
        seen.add(key)
    content: dict[Any, Any] = _Base.construct_mapping(loader, node, deep=deep)
    return content


_Lines.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(path: Path, model: type[Model], what: str) -> Model:
    """Return the document at `path`; else a RequestError names each mistake as `file:line: field: message`."""
    found, document = check(path, model)
    if document is None:
        raise RequestError(
            "\n".join(f"{item.place}: {item.message}" for item in found), remedy=f"correct the {what} {path.name}"
        )
    return document


def check(path: Path, model: type[Model]) -> tuple[list[Finding], Model | None]:
    """Look at a document: (mistakes, document); the document is None where there is a mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [Finding("error", f"cannot be read: {error}", str(path), "document-unreadable")], None
    return examine(text, path.name, model)


def examine(text: str, name: str, model: type[Model]) -> tuple[list[Finding], Model | None]:
    """Look at the text of a document, wherever it came from; `name` stands before the line in places."""
    try:
        loader = _Lines(text)
        root = loader.get_single_node()
        content = loader.construct_document(root) if root is not None else None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:  # a date of month 13 is a bare ValueError
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        place = f"{name}:{mark.line + 1 if mark else 0}"
        return [Finding("error", f"not YAML: {problem}", place, "document-syntax")], None
    try:
        return [], model.model_validate(content if content is not None else {})
    except ValidationError as error:
        return [_finding(name, root, item) for item in error.errors()], None


def place(path: Path, where: Path_) -> str:
    """Return `file:line` of a field, for mistakes that only show once the whole document is known."""
    return f"{path.name}:{_line(yaml.compose(path.read_text(encoding='utf-8'), Loader=_Lines), where)}"


def _finding(name: str, root: yaml.Node | None, item: Any) -> Finding:
    where = tuple(item["loc"])
    line = _line(root, where)
    field = ".".join(str(part) for part in where) or "document"
    return Finding("error", f"{field}: {item['msg']}", f"{name}:{line}", f"document-{item['type'].replace('_', '-')}")


def _line(node: yaml.Node | None, where: Path_) -> int:
    """Return the line (from 1) of the deepest node on the way to `where`; a missing key has its parent's line."""
    line = 1
    while node is not None:
        line = node.start_mark.line + 1
        if not where:
            break
        node, where = _step(node, where[0]), where[1:]
    return line


def _step(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item
    return None
