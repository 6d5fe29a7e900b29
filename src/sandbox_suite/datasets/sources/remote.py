"""Files behind a URL: fetched whole into a private folder, then read as any other file.

http and https through requests, everything else through fsspec; object stores take an extra of this package.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from sandbox_suite.core.errors import InfrastructureError, RequestError, SandboxError
from sandbox_suite.core.progress import Say
from sandbox_suite.core.redaction import Redactor
from sandbox_suite.datasets.sources import space

CHUNK = 1 << 20
TIMEOUT = 60  # seconds without a byte
LOOK = 64 << 20  # bytes between two looks at the disk
EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "abfs": "azure",
    "abfss": "azure",
    "az": "azure",
    "adl": "azure",
    "oss": "oss",
    "sftp": "sftp",
    "ssh": "sftp",
}
SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*(?=://)")


def scheme(place: str) -> str:
    """Return the scheme of a URL in lower case; empty for a path."""
    match = SCHEME.match(place)
    return match[0].lower() if match else ""


def refuse_password(url: str) -> None:
    """RequestError where a URL holds a password or a key: it would stand in process lists and histories."""
    try:
        held = urlsplit(url).password is not None or "::" in url
    except ValueError as error:
        raise RequestError(f"`{shown(url)}` is no URL: {error}", remedy="correct the URL") from None
    if held:
        raise RequestError(
            f"`{shown(url)}` holds a password, or one URL within another",
            left="nothing was fetched",
            remedy="give one URL without a password; object stores read theirs from the environment or their own files",
        )


def shown(url: str) -> str:
    """Return a URL as it may be shown: without password, query and fragment, where keys and signatures stand."""
    return re.split(r"[?#]", Redactor()(url), maxsplit=1)[0]


def fetch(url: str, folder: Path, say: Say) -> Path:
    """Fetch what `url` names, a file or a folder of files, into the new `folder`; return its place there."""
    refuse_password(url)
    folder.mkdir(parents=True)
    say(f"fetch {shown(url)}")
    with _explained(url), space.told(folder):
        if scheme(url) in ("http", "https"):
            return _fetched_page(url, folder)
        return _fetched_files(url, folder)


def _fetched_page(url: str, folder: Path) -> Path:
    import requests

    place = folder / _name(url)
    with requests.get(url, stream=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}) as answer:
        answer.raise_for_status()
        size = int(answer.headers.get("Content-Length", 0))
        _save(answer.iter_content(CHUNK), place, size)
    return place


def _fetched_files(url: str, folder: Path) -> Path:
    import fsspec

    system, path = fsspec.url_to_fs(url)
    if not system.isdir(path):
        return _fetched_file(system, path, folder)
    for item in sorted(system.ls(path, detail=True), key=lambda item: str(item["name"])):
        if item["type"] == "file":
            _fetched_file(system, item["name"], folder)
    return folder


def _fetched_file(system: Any, path: str, folder: Path) -> Path:
    place = folder / _name(path)
    with system.open(path, "rb") as file:
        _save(iter(lambda: cast(bytes, file.read(CHUNK)), b""), place, int(system.info(path).get("size") or 0))
    return place


def _save(chunks: Iterator[bytes], place: Path, size: int) -> None:
    """Write what comes; RequestError where it is not as long as was announced (`size` bytes, 0: unknown)."""
    space.require(place.parent, size, place.name)
    written = 0
    with place.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
            written += len(chunk)
            if written % LOOK < len(chunk):
                space.require(place.parent, 0, place.name)
    if size and written != size:
        raise RequestError(f"{place.name}: {written} bytes came of {size}", remedy="try again")


def _name(url: str) -> str:
    name = PurePosixPath(unquote(urlsplit(url).path if "://" in url else url)).name
    if not name or "\0" in name:
        raise RequestError(f"`{shown(url)}` names no file", remedy="let the URL end with a file's name")
    return name


@contextlib.contextmanager
def _explained(url: str) -> Iterator[None]:
    try:
        yield
    except SandboxError:
        raise
    except ImportError as error:
        extra = EXTRAS.get(scheme(url))
        remedy = f"install the extra `{extra}`: pip install 'sandbox-suite[{extra}]'" if extra else "fetch it by hand"
        raise RequestError(f"`{scheme(url)}://` needs a package that is missing", remedy=remedy) from error
    except FileNotFoundError as error:
        raise RequestError(f"`{shown(url)}` does not exist", remedy="correct the URL") from error
    except ValueError as error:
        raise RequestError(
            f"`{shown(url)}` cannot be fetched: unknown protocol or address", remedy="correct the URL"
        ) from error
    except OSError as error:  # requests' errors are OSErrors too; their words may repeat the URL with its signature
        raise InfrastructureError(
            f"`{shown(url)}` cannot be fetched: {_reason(error)}", left="nothing was stored", remedy="try again"
        ) from error


def _reason(error: OSError) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"the server says {status}" if status else error.strerror or type(error).__name__
