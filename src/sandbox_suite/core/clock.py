"""Time, ids and chance, given from outside: entry points make them, everything below takes them."""

import datetime
import secrets
from collections.abc import Callable

Clock = Callable[[], datetime.datetime]
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def utc_now() -> datetime.datetime:
    """Return the time in UTC; only entry points call this, all else takes a `Clock`."""
    return datetime.datetime.now(datetime.UTC)


def new_job_id(now: datetime.datetime) -> str:
    """Return a job id such as `j8f3k2m9q0abc4`: 14 characters, sorted by time, safe in container and stack names."""
    ticks, head = int(now.timestamp() * 10), ""
    for _ in range(7):
        ticks, rest = divmod(ticks, 32)
        head = ALPHABET[rest] + head
    return "j" + head + "".join(secrets.choice(ALPHABET) for _ in range(6))


def iso(moment: datetime.datetime) -> str:
    """Return `2026-01-31T12:00:00.123Z`."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
