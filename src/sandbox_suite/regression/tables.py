"""HTTP tables: requests and what their answers must be like, without code. docs/guides/suites.md shows the form.

`http-table` in the runner's image runs them; here every mistake is found, with its line, before there is a sandbox.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from sandbox_suite.core import documents
from sandbox_suite.core.findings import Finding

VERBS = ("get", "post", "put", "patch", "delete", "head", "options")
BODIES = ("json", "form", "body")
PLACE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
MOST = 50  # mistakes of a kind that are told
GIVEN = ("run", "name")  # values that every request knows: the run's id, and the request's own name
TYPES = ("object", "array", "string", "number", "boolean", "null")
JSON_PATH = r"^\$(\.[A-Za-z_][A-Za-z0-9_-]*|\[(-?\d+|\*)\]|\['[^']*'\])*$"

Path_ = Annotated[str, Field(pattern=r"^(/|\{\{)\S*$")]
Place = Annotated[str, Field(pattern=JSON_PATH)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Status = Annotated[int, Field(ge=100, le=599)]
Scalar = str | int | float | bool | None


class _Part(BaseModel):
    """Frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Condition(_Part):
    """What a value must be like; every condition that is given holds."""

    equals: Any = None
    not_: Any = Field(None, alias="not")
    matches: str | None = None
    contains: Any = None
    length: Annotated[int, Field(ge=0)] | None = None
    at_least: float | None = None
    at_most: float | None = None
    type: str | None = None
    in_: list[Any] | None = Field(None, alias="in")
    present: bool | None = None
    each: Any = None

    @field_validator("matches")
    @classmethod
    def _is_an_expression(cls, said: str | None) -> str | None:
        try:
            re.compile(said or "")
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return said

    @field_validator("type")
    @classmethod
    def _is_a_type(cls, said: str | None) -> str | None:
        if said is not None and said not in TYPES:
            raise ValueError(f"one of {', '.join(TYPES)} is possible")
        return said


def wanted(said: Any) -> Any:
    """Check what a value is wanted to be like: a mapping names conditions, anything else is equal."""
    if isinstance(said, dict) and said:
        Condition.model_validate(said)
        wanted(said.get("each"))
    return said


Wanted = Annotated[Any, AfterValidator(wanted)]


class Expect(_Part):
    """What an answer must be like. Without `status` any below 400 will do. `max_ms`: milliseconds."""

    status: Annotated[Status | list[Status] | None, Field(union_mode="left_to_right")] = None
    headers: dict[str, Wanted] = {}
    json_: dict[Place, Wanted] = Field({}, alias="json")
    body: Wanted = None
    max_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class Request(_Part):
    """One request: one case. Either a verb with its path (`get: /x`), or `method` and `path`; at most one body."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
    method: Annotated[str, Field(pattern=r"^[A-Za-z]{1,20}$")] | None = None
    path: Path_ | None = None
    get: Path_ | None = None
    post: Path_ | None = None
    put: Path_ | None = None
    patch: Path_ | None = None
    delete: Path_ | None = None
    head: Path_ | None = None
    options: Path_ | None = None
    query: dict[str, Scalar | list[Scalar]] = {}
    headers: dict[str, Scalar] = {}  # null: the default header of this name is not sent
    json_: Any = Field(None, alias="json")
    form: dict[str, Scalar | list[Scalar]] | None = None
    body: str | None = None
    expect: Expect = Expect.model_validate({})
    save: dict[Word, Place] = {}  # value's name -> where the answer has it; later requests write {{name}}
    timeout_seconds: Seconds | None = None
    skip: str | None = None
    tags: list[str] = []


class Defaults(_Part):
    """What every request has, unless it says otherwise."""

    headers: dict[str, Scalar] = {}
    timeout_seconds: Seconds | None = None


class Table(_Part):
    """A table, run from top to bottom over one kept connection."""

    defaults: Defaults = Defaults()
    values: dict[Word, Any] = {}
    requests: Annotated[list[Request], Field(min_length=1, max_length=10_000)]


class _Rows(BaseModel):
    """A table as far as its rows can be told, for what concerns several fields or rows."""

    defaults: Any = None
    values: Any = None
    requests: list[dict[str, Any]] = []


def look(path: Path) -> tuple[list[Finding], list[str]]:
    """Look at a table: (every mistake, names of its cases)."""
    found, table = documents.check(path, Table)
    rows = documents.check(path, _Rows)[1]
    if rows:
        found += [
            Finding("error", said, documents.place(path, ("requests", number, *where)), identity)
            for number, where, said, identity in islice(_mistakes(rows), MOST)
        ]
    return found, [request.name for request in table.requests] if table else []


Mistake = tuple[int, tuple[str, ...], str, str]  # number of the request, field, words, id of the finding


def _mistakes(rows: _Rows) -> Iterator[Mistake]:
    seen: set[str] = set()
    known = {*GIVEN, *_keys(rows.values)}
    for number, row in enumerate(rows.requests):
        name = str(row.get("name"))
        yield from ((number, (), said, "request-form") for said in _form(row))
        if name in seen:
            yield number, ("name",), f"two requests are called `{name}`", "request-name-twice"
        seen.add(name)
        asked = _places({key: row[key] for key in row if key not in ("name", "save", "tags")})
        for place in sorted(asked | (_places(rows.defaults) if number == 0 else set())):
            if place not in known:
                said = f"`{{{{{place}}}}}` in `{name}` is no value, nor saved by an earlier request"
                yield number, (), said, "request-value-unknown"
        known |= _keys(row.get("save"))


def _form(row: dict[str, Any]) -> Iterator[str]:
    """Say what is wrong with how a request is put."""
    verbs = [verb for verb in VERBS if verb in row]
    if len(verbs) != (0 if "path" in row else 1) or ("method" in row and verbs):
        yield "one verb with a path (such as `get: /healthz`), or `method` and `path`, is needed"
    bodies = [body for body in BODIES if body in row]
    if len(bodies) > 1:
        yield f"one body is possible, not {' and '.join(bodies)}"


def _keys(value: Any) -> set[str]:
    return {str(key) for key in value} if isinstance(value, dict) else set()


def _places(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {name for item in value.values() for name in _places(item)}
    if isinstance(value, list):
        return {name for item in value for name in _places(item)}
    return set(PLACE.findall(value)) if isinstance(value, str) else set()
