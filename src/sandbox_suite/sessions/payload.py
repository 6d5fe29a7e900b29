"""Ansible's pipelined payload, as the holder reads it: which interpreter, which files, which module, its arguments.

Only the shape that ansible-core 2.19 writes is understood. Of anything else nothing is guessed: it runs as it is.
"""

import ast
import binascii
import re
import shlex
import zipfile
from collections.abc import Sequence
from typing import Any, NamedTuple

from sandbox_suite.sessions.library import Key, Library

MAIN = b'if __name__ == "__main__":\n    _ansiballz_main(\n'
KEYWORDS = frozenset(
    ("zip_data", "ansible_module", "module_fqn", "params", "profile", "date_time", "extensions", "rlimit_nofile")
)
TAIL = ["&&", "sleep", "0"]
INTERPRETER = re.compile(r"/[^\s=]*/python3?(\.\d+)?")
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
AT_START = re.compile(r"PATH|HOME|TZ|LANG|LANGUAGE|LC_\w+|PYTHON\w*|LD_\w+|MALLOC_\w+|GLIBC_\w+")  # read at a start
RESPAWNS = "ansible.module_utils.common.respawn"  # such a module starts anew from its zip, which a warm one has not
TRACED = '"_ansible_tracebacks_for": ['  # tracebacks quote the text of the zip
MOST = 4 << 20  # longer arguments go the plain way


class Payload(NamedTuple):
    """A module to run."""

    python: str
    env: dict[str, str]
    files: tuple[Key, ...]
    call: dict[str, Any]


def recognised(argv: Sequence[str], data: bytes, library: Library) -> Payload | None:
    """Return the module that `argv` with `data` as its input would run; None: not understood, or better run cold."""
    started = _interpreter(argv)
    at = data.rfind(MAIN)
    if started is None or at < 0 or not data.endswith(b"\n)\n"):
        return None
    try:
        told = _keywords(data[at:].partition(b"(\n")[2].removesuffix(b")\n").decode())
        files = library.files(told["zip_data"]) if told else None
    except (ValueError, SyntaxError, zipfile.BadZipFile, binascii.Error, KeyError):
        return None
    if files is None or any(key[0] == RESPAWNS for key in files):
        return None
    return Payload(*started, files, _call(told))


def _interpreter(argv: Sequence[str]) -> tuple[str, dict[str, str]] | None:
    """Return (python, environment) of `/bin/sh -c '[NAME=VALUE ...] python && sleep 0'`."""
    if len(argv) != 3 or list(argv[:2]) != ["/bin/sh", "-c"]:
        return None
    try:
        *settings, python = shlex.split(argv[2].removesuffix(" ".join(TAIL)))
    except ValueError:
        return None
    pairs = [setting.partition("=")[::2] for setting in settings]
    spelled = [f"{name}={shlex.quote(value)}" for name, value in pairs]
    if " ".join([*spelled, python, *TAIL]) != argv[2].strip() or not INTERPRETER.fullmatch(python):
        return None  # the shell would read more in it than we do
    if any(not NAME.fullmatch(name) or AT_START.fullmatch(name) for name, _ in pairs):
        return None
    return python, dict(pairs)


def _keywords(text: str) -> dict[str, Any]:
    """Return the literal arguments of the payload's last call; none where they are not those we know."""
    call = ast.parse(f"call({text})", mode="eval").body
    if not isinstance(call, ast.Call) or call.args or {item.arg for item in call.keywords} != KEYWORDS:
        return {}
    told = {str(item.arg): ast.literal_eval(item.value) for item in call.keywords if item.arg != "date_time"}
    usual = not told["extensions"] and not told["rlimit_nofile"] and len(told["params"]) <= MOST
    traced = TRACED in told["params"] and TRACED + "]" not in told["params"]
    return told if usual and not traced else {}


def _call(told: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of Ansible's own `run_module`; nothing is at `modlib_path`, only respawning needs it."""
    return {
        "json_params": told["params"].encode(),
        "profile": told["profile"],
        "module_fqn": told["module_fqn"],
        "modlib_path": f"/ansible_{told['ansible_module']}_payload.zip",
        "extensions": {},
    }
