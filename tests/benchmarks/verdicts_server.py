"""A little HTTP service over SQLite, a process per version; `X-Slower-Us: N` has an answer take N microseconds longer.

They are worked, before the answer is sent, by a processor that is busy, as slower code would be.
"""

import json
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

ROWS = 2_000


class Answer(BaseHTTPRequestHandler):
    """One kept connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    database: sqlite3.Connection

    def do_GET(self) -> None:
        """Answer a page of orders, or a sum over them."""
        began = time.perf_counter()
        parts = urlsplit(self.path)
        asked = dict(parse_qsl(parts.query))
        if parts.path == "/orders":
            found = self.database.execute(
                "SELECT id, customer, total, note FROM orders WHERE customer = ? ORDER BY id LIMIT ?",
                (int(asked["customer"]), int(asked["limit"])),
            )
            body = json.dumps([dict(zip(("id", "customer", "total", "note"), row, strict=True)) for row in found])
        else:
            row = self.database.execute("SELECT count(*), sum(total) FROM orders WHERE id < ?", (int(asked["below"]),))
            body = json.dumps(row.fetchone())
        until = time.perf_counter() + int(self.headers.get("X-Slower-Us", "0")) / 1e6
        while time.perf_counter() < until:
            pass
        content = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Server-Timing", f"app;dur={(time.perf_counter() - began) * 1000:.3f}")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until standard input ends; the port is the first line of output."""
    Answer.database = sqlite3.connect(":memory:")
    Answer.database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INT, total INT, note TEXT)")
    rows = [(number, number % 40, number * 7 % 997, f"note {number} " * 4) for number in range(ROWS)]
    Answer.database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
    Answer.database.execute("CREATE INDEX by_customer ON orders (customer)")
    server = HTTPServer(("127.0.0.1", 0), Answer)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.handle_request()  # the one connection, kept until its client hangs up


if __name__ == "__main__":
    main()
