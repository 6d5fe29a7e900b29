"""What the customer desk answers: routes, the permission each needs, checks of what comes in, the SQL behind them."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from database import Pool

SCHEMA = os.environ.get("DATASET_SCHEMA") or "dataset"
if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", SCHEMA):
    raise SystemExit("DATASET_SCHEMA: a plain schema name is needed")
TIME = """'YYYY-MM-DD"T"HH24:MI:SS'"""
SHORT = "customer_id, full_name, email, country, locale, status"
FULL = f"""customer_id, full_name, email, phone, country, locale, status,
    to_char(birth_date, 'YYYY-MM-DD') AS birth_date, address, to_char(created_at, {TIME}) AS created_at"""
NOTE = f"note_id, customer_id, author, body, to_char(created_at, {TIME}) AS created_at"
ORDER = f"order_id, customer_id, sku, amount_cents, currency, status, to_char(ordered_at, {TIME}) AS ordered_at"
FOLLOW_UP = f"""follow_up_id, customer_id, note, tags, to_char(due_on, 'YYYY-MM-DD') AS due_on,
    to_char(created_at AT TIME ZONE 'UTC', {TIME}) || 'Z' AS created_at,
    to_char(updated_at AT TIME ZONE 'UTC', {TIME}) || 'Z' AS updated_at"""
LARGEST = 999_999_999_999_999
WHOLE = "a whole number from 1 is needed"


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """An answer other than the one asked for."""

    def __init__(self, status: int, code: str, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, "fields": fields or {}}}


@dataclass
class Request:
    """What a route sees of a request; everything in it has been checked."""

    tenant: str
    id: int
    query: dict[str, Any]
    body: bytes


@dataclass
class Answer:
    """A status, a body (None: no body) and headers of its own."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


# --- Checks of what comes in -----------------------------------------------------------------------------------------


def _number(low: int, high: int) -> Callable[[str], int | None]:
    return lambda text: int(text) if re.fullmatch(r"[0-9]{1,15}", text) and low <= int(text) <= high else None


def _shape(pattern: str) -> Callable[[str], str | None]:
    return lambda text: text if re.fullmatch(pattern, text) else None


def _day(text: Any) -> str | None:
    try:
        return text if re.fullmatch(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}", text) and date.fromisoformat(text) else None
    except (TypeError, ValueError):
        return None


# parameter -> (check, what is needed)
PARAMETERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "limit": (_number(1, 200), "a whole number from 1 to 200 is needed"),
    "after": (_number(0, LARGEST), "the `next` of the page before is needed"),
    "q": (_shape(r"[^\x00-\x1f]{2,64}"), "2 to 64 characters are needed"),
    "country": (_shape(r"[A-Z]{2}"), "two capital letters are needed"),
    "status": (_shape(r"[a-z_]{1,32}"), "1 to 32 small letters are needed"),
    "customer_id": (_number(1, LARGEST), WHOLE),
    "tag": (_shape(r"[a-z0-9-]{1,32}"), "1 to 32 small letters, digits or hyphens are needed"),
    "since": (_day, "a date such as 2025-01-31 is needed"),
    "until": (_day, "a date such as 2025-01-31 is needed"),
}


def check_query(pairs: list[tuple[str, str]], allowed: tuple[str, ...]) -> dict[str, Any]:
    """Return the query's values, None where nothing was given; all mistakes at once."""
    values: dict[str, Any] = dict.fromkeys(allowed) | {"limit": 20, "after": 0}
    fields: dict[str, str] = {}
    seen: set[str] = set()
    for name, text in pairs:
        if name not in allowed:
            fields[name] = "unknown parameter"
        elif name in seen:
            fields[name] = "given more than once"
        elif (value := PARAMETERS[name][0](text)) is None:
            fields[name] = PARAMETERS[name][1]
        else:
            values[name] = value
        seen.add(name)
    if fields:
        raise Refusal(400, "bad_request", f"{len(fields)} query parameters are wrong", fields)
    return values


def _follow_up(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body.decode(), parse_constant=lambda name: json.loads("refused"))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Refusal(400, "bad_request", "a JSON object is needed")
    fields = {name: "unknown field" for name in content if name not in ("customer_id", "note", "tags", "due_on")}
    customer, note, tags, due = (content.get(name) for name in ("customer_id", "note", "tags", "due_on"))
    number = isinstance(customer, int | float) and not isinstance(customer, bool)
    if not (number and 1 <= customer <= LARGEST and customer % 1 == 0):
        fields["customer_id"] = WHOLE
    if not (isinstance(note, str) and 1 <= len(note) <= 500 and not re.search("[\x00\ud800-\udfff]", note)):
        fields["note"] = "1 to 500 characters are needed"
    tags = [] if tags is None else tags
    shaped = isinstance(tags, list) and all(isinstance(tag, str) and PARAMETERS["tag"][0](tag) for tag in tags)
    if not (shaped and len(tags) <= 10 and len(set(tags)) == len(tags)):
        fields["tags"] = "at most 10 different tags of 1 to 32 small letters, digits or hyphens are possible"
    if not (due is None or _day(due)):
        fields["due_on"] = "a date such as 2025-01-31, or null, is needed"
    if fields:
        raise Refusal(422, "invalid", f"{len(fields)} fields are wrong", fields)
    return {"customer_id": int(customer), "note": note, "tags": tags, "due_on": due}


# --- Routes ----------------------------------------------------------------------------------------------------------


def _page(rows: list[dict[str, Any]], limit: int, key: str) -> Answer:
    """One row more than the page was asked for: it says whether there is a next page."""
    items = rows[:limit]
    return Answer(200, {"items": items, "next": items[-1][key] if len(rows) > limit else None})


def _one(rows: list[dict[str, Any]], what: str, number: int) -> dict[str, Any]:
    if not rows:
        raise Refusal(404, "not_found", f"{what} {number} does not exist")
    return rows[0]


def _customer(pool: Pool, number: int, columns: str = "customer_id") -> list[dict[str, Any]]:
    return pool.rows(f"SELECT {columns} FROM {SCHEMA}.customers WHERE customer_id = %s", number)


def customers(pool: Pool, request: Request) -> Answer:
    """A page of customers."""
    asked = request.query
    clauses, values = ["customer_id > %s"], [asked["after"]]
    for column in ("country", "status"):
        if asked[column]:
            clauses.append(f"{column} = %s")
            values.append(asked[column])
    if asked["q"]:
        clauses.append("(full_name ILIKE %s OR email ILIKE %s)")
        values += ["%" + re.sub(r"([\\%_])", r"\\\1", asked["q"]) + "%"] * 2
    statement = f"SELECT {SHORT} FROM {SCHEMA}.customers WHERE {' AND '.join(clauses)} ORDER BY customer_id LIMIT %s"
    return _page(pool.rows(statement, *values, asked["limit"] + 1), asked["limit"], "customer_id")


def customer(pool: Pool, request: Request) -> Answer:
    """One customer."""
    return Answer(200, _one(_customer(pool, request.id, FULL), "customer", request.id))


def notes(pool: Pool, request: Request) -> Answer:
    """A page of a customer's notes."""
    asked = request.query
    _one(_customer(pool, request.id), "customer", request.id)
    where = "customer_id = %s AND note_id > %s"
    statement = f"SELECT {NOTE} FROM {SCHEMA}.notes WHERE {where} ORDER BY note_id LIMIT %s"
    return _page(pool.rows(statement, request.id, asked["after"], asked["limit"] + 1), asked["limit"], "note_id")


def orders(pool: Pool, request: Request) -> Answer:
    """A page of a customer's orders."""
    asked = request.query
    _one(_customer(pool, request.id), "customer", request.id)
    where = "customer_id = %s AND order_id > %s AND (%s::text IS NULL OR status = %s::text)"
    statement = f"SELECT {ORDER} FROM {SCHEMA}.orders WHERE {where} ORDER BY order_id LIMIT %s"
    values = (request.id, asked["after"], asked["status"], asked["status"], asked["limit"] + 1)
    return _page(pool.rows(statement, *values), asked["limit"], "order_id")


def statistics(pool: Pool, request: Request) -> Answer:
    """Counts and sums of orders. Currencies are not added up."""
    asked = request.query
    rows = pool.rows(
        f"""SELECT o.currency, o.status, count(*) AS orders, coalesce(sum(o.amount_cents), 0)::bigint AS amount_cents
        FROM {SCHEMA}.orders o WHERE (%s::date IS NULL OR o.ordered_at >= %s::date)
        AND (%s::date IS NULL OR o.ordered_at < %s::date) AND (%s::text IS NULL OR EXISTS (
            SELECT 1 FROM {SCHEMA}.customers c WHERE c.customer_id = o.customer_id AND c.country = %s::text))
        GROUP BY o.currency, o.status ORDER BY o.currency, o.status""",
        *(asked[name] for name in ("since", "since", "until", "until", "country", "country")),
    )
    return Answer(200, {"orders": sum(row["orders"] for row in rows), "items": rows})


def follow_ups(pool: Pool, request: Request) -> Answer:
    """A page of the tenant's follow-ups."""
    asked = request.query
    where = """tenant_id = %s AND follow_up_id > %s AND (%s::bigint IS NULL OR customer_id = %s::bigint)
        AND (%s::text IS NULL OR tags @> ARRAY[%s::text])"""
    values = (request.tenant, asked["after"], *[asked["customer_id"]] * 2, *[asked["tag"]] * 2, asked["limit"] + 1)
    statement = f"SELECT {FOLLOW_UP} FROM follow_up WHERE {where} ORDER BY follow_up_id LIMIT %s"
    return _page(pool.rows(statement, *values), asked["limit"], "follow_up_id")


def follow_up(pool: Pool, request: Request) -> Answer:
    """One follow-up."""
    statement = f"SELECT {FOLLOW_UP} FROM follow_up WHERE tenant_id = %s AND follow_up_id = %s"
    return Answer(200, _one(pool.rows(statement, request.tenant, request.id), "follow-up", request.id))


def create(pool: Pool, request: Request) -> Answer:
    """A new follow-up."""
    new = _follow_up(request.body)
    if not _customer(pool, new["customer_id"]):
        told = {"customer_id": f"customer {new['customer_id']} does not exist"}
        raise Refusal(422, "invalid", "1 fields are wrong", told)
    statement = f"""INSERT INTO follow_up (tenant_id, customer_id, note, tags, due_on)
        VALUES (%s, %s, %s, %s::text[], %s::date) RETURNING {FOLLOW_UP}"""
    made = pool.rows(statement, request.tenant, *new.values())[0]
    return Answer(201, made, {"Location": f"/api/v1/follow-ups/{made['follow_up_id']}"})


def replace(pool: Pool, request: Request) -> Answer:
    """A follow-up, replaced."""
    old = follow_up(pool, request).body
    new = _follow_up(request.body)
    if new["customer_id"] != old["customer_id"]:
        raise Refusal(422, "invalid", "1 fields are wrong", {"customer_id": "may not change"})
    statement = f"""UPDATE follow_up SET note = %s, tags = %s::text[], due_on = %s::date, updated_at = now()
        WHERE tenant_id = %s AND follow_up_id = %s RETURNING {FOLLOW_UP}"""
    rows = pool.rows(statement, new["note"], new["tags"], new["due_on"], request.tenant, request.id)
    return Answer(200, _one(rows, "follow-up", request.id))


def delete(pool: Pool, request: Request) -> Answer:
    """A follow-up, gone."""
    statement = "DELETE FROM follow_up WHERE tenant_id = %s AND follow_up_id = %s RETURNING follow_up_id"
    _one(pool.rows(statement, request.tenant, request.id), "follow-up", request.id)
    return Answer(204, None)


PAGE = ("limit", "after")
# path -> method -> (permission, query parameters, function)
Route = tuple[str, tuple[str, ...], Callable[[Pool, Request], Answer]]
ROUTES: dict[str, dict[str, Route]] = {
    "/api/v1/customers": {"GET": ("customers:read", ("q", "country", "status", *PAGE), customers)},
    "/api/v1/customers/{id}": {"GET": ("customers:read", (), customer)},
    "/api/v1/customers/{id}/notes": {"GET": ("customers:read", PAGE, notes)},
    "/api/v1/customers/{id}/orders": {"GET": ("orders:read", ("status", *PAGE), orders)},
    "/api/v1/statistics/orders": {"GET": ("orders:read", ("country", "since", "until"), statistics)},
    "/api/v1/follow-ups": {
        "GET": ("follow-ups:read", ("customer_id", "tag", *PAGE), follow_ups),
        "POST": ("follow-ups:write", (), create),
    },
    "/api/v1/follow-ups/{id}": {
        "GET": ("follow-ups:read", (), follow_up),
        "PUT": ("follow-ups:write", (), replace),
        "DELETE": ("follow-ups:write", (), delete),
    },
}
