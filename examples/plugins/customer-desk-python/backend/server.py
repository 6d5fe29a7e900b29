"""The customer desk's HTTP service: listens, checks who asks, answers, and writes one line of log per request."""

import json
import os
import re
import signal
import time
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import database
from routes import ROUTES, Answer, Refusal, Request, check_query

VERSION = os.environ.get("POWERX_PLUGIN_VERSION") or "1.2.0"
MAX_BODY = 65536
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=31536000",
}
PATHS = {path: re.compile(path.replace("{id}", "([0-9]{1,15})")) for path in ROUTES}
POOL = database.from_environment()


def log(level: str, event: str, **facts: Any) -> None:
    """Write one JSON line. Never a path, query, body or value of the database: they may hold personal data."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = json.dumps({"time": now, "level": level, "event": event, **facts}) + "\n"
    os.write(1, line.encode())


class Desk(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = 65536  # head and body leave together
    disable_nagle_algorithm = True
    route = "unknown"

    def answer(self) -> None:
        """Answer one request, whatever happens in it."""
        started = time.perf_counter()
        self.route, asked = "unknown", self.header("X-Request-Id")
        mark = asked if re.fullmatch(r"[A-Za-z0-9-]{1,64}", asked) else str(uuid.uuid4())
        try:
            given = self.decide(self.body())
        except Refusal as refusal:
            given = Answer(refusal.status, refusal.body)
        except database.UnavailableError:
            given = Answer(503, Refusal(503, "unavailable", "the database cannot be reached").body)
        except Exception as error:  # the last resort: say nothing of the inside
            log("error", "exception", kind=type(error).__name__, request_id=mark)
            given = Answer(500, Refusal(500, "internal", "something went wrong").body)
        self.send(given, mark)
        tenant = self.header("X-PowerX-Tenant")
        log(
            "error" if given.status >= 500 else "info",
            "request",
            method=self.command,
            route=self.route,
            status=given.status,
            ms=round((time.perf_counter() - started) * 1000, 1),
            tenant=tenant if tenant_shaped(tenant) else None,
            request_id=mark,
        )

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer  # noqa: N815

    def decide(self, body: bytes | None) -> Answer:
        """Find the route, check tenant, permission, query and body, and let the route answer."""
        parts = urlsplit(self.path)
        if parts.path == "/healthz":
            self.route = parts.path
            return self.health() if self.command == "GET" else self.refuse_method({"GET": None})
        found = next(((path, match) for path, shape in PATHS.items() if (match := shape.fullmatch(parts.path))), None)
        if found is None:
            raise Refusal(404, "not_found", "no such route")
        self.route, match = found
        if self.command not in ROUTES[self.route]:
            return self.refuse_method(ROUTES[self.route])
        permission, allowed, function = ROUTES[self.route][self.command]
        tenant = self.header("X-PowerX-Tenant")
        if not tenant_shaped(tenant):
            raise Refusal(401, "unauthenticated", "the header X-PowerX-Tenant is missing or malformed")
        held = {item.strip() for item in self.header("X-PowerX-Permissions").split(",")}
        if permission not in held:
            raise Refusal(403, "forbidden", f"the permission {permission} is needed")
        query = check_query(parse_qsl(parts.query, keep_blank_values=True), allowed)
        if self.command in ("POST", "PUT"):
            self.check_body(body)
        return function(POOL, Request(tenant, int(match[1]) if match.groups() else 0, query, body or b""))

    def header(self, name: str) -> str:
        """Return a header; one that is sent twice holds a comma, as HTTP has it."""
        return ", ".join(self.headers.get_all(name, []))

    def health(self) -> Answer:
        """Whether the database answers."""
        try:
            POOL.rows("SELECT 1")
        except Exception:  # whatever it is, the plugin is not well
            return Answer(503, {"status": "unavailable", "database": "unreachable", "version": VERSION})
        return Answer(200, {"status": "ok", "database": "ok", "version": VERSION})

    def refuse_method(self, methods: dict[str, Any]) -> Answer:
        """Say which methods the route has."""
        told = Refusal(405, "method_not_allowed", f"{self.command} is not possible here").body
        return Answer(405, told, {"Allow": ", ".join(sorted(methods))})

    def body(self) -> bytes | None:
        """Read the body, so that the connection can go on; None where it is too large to be read."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch("[0-9]{1,15}", length) or int(length) > MAX_BODY:
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def check_body(self, body: bytes | None) -> None:
        """Refuse what is no JSON of a fair size."""
        if self.headers.get_content_type() != "application/json":
            raise Refusal(415, "unsupported_media_type", "the content type application/json is needed")
        if "Transfer-Encoding" in self.headers:
            raise Refusal(411, "length_required", "the header Content-Length is needed")
        if body is None:
            raise Refusal(413, "too_large", f"at most {MAX_BODY} bytes are possible")

    def send(self, given: Answer, mark: str) -> None:
        """Write the answer."""
        data = b"" if given.body is None else json.dumps(given.body, ensure_ascii=False).encode()
        self.send_response(given.status)
        for name, value in (SECURITY | given.headers | {"X-Request-Id": mark}).items():
            self.send_header(name, value)
        if given.body is not None:
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no HTTP that we speak."""
        self.close_connection = True
        self.send(Answer(code, Refusal(code, "bad_request", "the request cannot be read").body), str(uuid.uuid4()))

    def version_string(self) -> str:
        """Name the service, not its version."""
        return "customer-desk"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write nothing: the library's lines hold paths and queries."""


def tenant_shaped(tenant: str) -> bool:
    """Say whether this can be a tenant's name."""
    return bool(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", tenant))


class Server(ThreadingHTTPServer):
    """A thread per connection."""

    daemon_threads = True
    request_queue_size = 128


def address(text: str) -> tuple[str, int]:
    """Return host and port of `:8086`, `127.0.0.1:8086`; a port still to be allocated is any free one."""
    host, _, port = text.replace("__POWERX_DYNAMIC_PORT__", "0").rpartition(":")
    return host.strip("[]"), int(port)


def main() -> None:
    """Serve until SIGTERM, which ends everything at once."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = Server(address(os.environ.get("POWERX_BIND_ADDR") or ":8086"), Desk)
    log("info", "listening", port=server.server_address[1], version=VERSION)
    server.serve_forever()


if __name__ == "__main__":
    main()
