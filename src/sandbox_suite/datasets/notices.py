"""Telling data owners: by a maildir, a command or a webhook. A failure is an outcome here, never an exception."""

import contextlib
import datetime
import json
import mailbox
import os
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import IO, Any

from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.redaction import Redactor
from sandbox_suite.datasets.operation import Operation, Sink

SECONDS = 10  # for one way to tell one owner
SENDER = "sandbox-suite"
PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")  # of the environment, to a command


@dataclass(frozen=True)
class Notice:
    """What owners are told. Neither part holds a value of the dataset."""

    subject: str
    text: str  # Markdown, the body of a mail
    facts: Mapping[str, Any]  # JSON, the body of a webhook's request


@dataclass(frozen=True)
class Told:
    """How telling one owner in one way ended."""

    owner: str
    way: str  # such as `maildir notices`, `command sendmail`, `webhook https://desk.example`, `webhook NAME-OF-SECRET`
    outcome: str  # ok, failed
    error: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the outcome as JSON."""
        return asdict(self)


def tell(notice: Notice, owners: Sequence[str], operation: Operation, home: Path, now: datetime.datetime) -> list[Told]:
    """Tell every owner in every way the operator gave; return how each went. Raises nothing of its own."""
    told: list[Told] = []
    for owner in owners:
        sinks = operation.sinks(owner)
        told += [_told(notice, owner, sink, home, now) for sink in sinks]
        if not sinks:
            told.append(Told(owner, "none", "failed", "no way to tell this owner is configured"))
    if not owners:
        told.append(Told("", "none", "failed", "neither the policy nor config/datasets.yaml names an owner"))
    return told


def _told(notice: Notice, owner: str, sink: Sink, home: Path, now: datetime.datetime) -> Told:
    send, way = _way(notice, owner, sink, home, now)
    try:
        send()
    except Exception as error:  # whatever a sink does, the block itself has to be told
        return Told(owner, way, "failed", _said(error))
    return Told(owner, way, "ok")


def _way(notice: Notice, owner: str, sink: Sink, home: Path, now: datetime.datetime) -> tuple[Callable[[], None], str]:
    if sink.maildir is not None:
        folder = home / sink.maildir  # an absolute one stays as it is
        return lambda: _put(folder, _mail(notice, owner, sink, now)), f"maildir {sink.maildir}"
    if sink.command is not None:
        argv = sink.command
        return lambda: _run(argv, _mail(notice, owner, sink, now).as_bytes()), f"command {Path(argv[0]).name}"
    address = sink.webhook or ""
    shown = "webhook " + (address.rpartition("/")[2] if address.startswith("secret:") else _host(address))
    return lambda: _post(_resolved(address, home), notice.facts), shown


def _mail(notice: Notice, owner: str, sink: Sink, now: datetime.datetime) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = SENDER, sink.to or owner
    mail["Subject"], mail["Date"] = notice.subject, format_datetime(now)
    mail.set_content(notice.text)
    return mail


def _put(folder: Path, mail: EmailMessage) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    box = mailbox.Maildir(folder)  # complete in `tmp` before it appears in `new`
    box.add(mail)
    box.close()


def _run(argv: Sequence[str], mail: bytes) -> None:
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={name: os.environ[name] for name in PASSED if name in os.environ},
        start_new_session=True,
    )
    try:
        _, said = process.communicate(mail, timeout=SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode:
        raise OSError(f"it ended with {process.returncode}: {said.decode(errors='replace').strip()[:200]}")


def _post(address: str, facts: Mapping[str, Any]) -> None:
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        raise OSError("the webhook is no http(s) address")
    head = {"Content-Type": "application/json", "User-Agent": SENDER}
    request = urllib.request.Request(address, json.dumps(dict(facts)).encode(), head, method="POST")  # noqa: S310
    with urllib.request.build_opener(_Here).open(request, timeout=SECONDS):
        pass


class _Here(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a POST that became a GET would tell nobody, and look as if it had."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


def _resolved(address: str, home: Path) -> str:
    if not address.startswith("secret:"):
        return address
    from sandbox_suite.secrets import references

    return references.resolve(address, home).decode().strip()


def _host(address: str) -> str:
    """Return an address without path, query and account, where a token may stand."""
    parts = urllib.parse.urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or '?'}"


def _said(error: Exception) -> str:
    if isinstance(error, SandboxError):
        return error.explanation.what
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it had not ended after {SECONDS} s"
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code}"
    if isinstance(error, OSError):
        return Redactor()(str(error.strerror or error))[:300]
    return type(error).__name__
