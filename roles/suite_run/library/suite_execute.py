#!/usr/bin/python3
"""Module suite_execute: run regression suites, each in a process group of its own with a time limit."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from io import BufferedReader
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: suite_execute
short_description: Runs regression suites
description:
  - A failing suite does not fail the module, its results tell. A run whose id is done is not run again.
options:
  suites: {type: list, elements: dict, required: true, description: "Each with name, run and timeout_seconds."}
  folder: {type: path, required: true, description: Folder with one folder for each suite.}
  results: {type: path, required: true, description: Folder for results; emptied before a new run.}
  run_id: {type: str, required: true, description: Id of the run.}
  environment: {type: dict, default: {}, description: More environment of every suite.}
  base_url: {type: str, required: true, description: Where the plugin answers.}
  parallel: {type: int, default: 1, description: How many suites run at once.}
  deadline_seconds: {type: float, default: 300, description: Seconds for all suites together.}
"""

TIMED_OUT, NOT_FOUND = 124, 127  # as timeout(1) and a shell end
MOST_OUTPUT = 1 << 20  # bytes of a suite's log; what comes after is read and dropped
KEPT = ("PATH", "LANG", "LC_ALL", "NODE_PATH", "TZ")
DONE = "run.json"


class Run:
    """One run of several suites."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self._results = given["results"]
        self._last = time.monotonic() + given["deadline_seconds"]

    def suite(self, suite: dict[str, Any]) -> dict[str, Any]:
        """Run one suite and return its summary."""
        name, start = suite["name"], time.monotonic()
        seconds = min(float(suite.get("timeout_seconds") or 60), self._last - start)
        code = self._execute(suite, seconds) if seconds > 0 else TIMED_OUT
        write(os.path.join(self._results, f"{name}.rc"), f"{code}\n")
        return {"name": name, "rc": code, "seconds": round(time.monotonic() - start, 3)}

    def _execute(self, suite: dict[str, Any], seconds: float) -> int:
        log = os.path.join(self._results, f"{suite['name']}.log")
        folder = os.path.join(self._given["folder"], suite["name"])
        try:
            process = subprocess.Popen(
                suite["run"],
                cwd=folder,
                env=self._environment(suite["name"], seconds),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            write(log, f"{suite['run'][0]} could not be started: {error}\n")
            return NOT_FOUND
        reader = threading.Thread(target=keep, args=(process.stdout, log), daemon=True)
        reader.start()
        try:
            code = process.wait(timeout=seconds)
            return code if code >= 0 else 128 - code
        except subprocess.TimeoutExpired:
            return TIMED_OUT
        finally:
            end_group(process)
            reader.join(timeout=1)

    def _environment(self, name: str, seconds: float) -> dict[str, str]:
        return {
            **{key: os.environ[key] for key in KEPT if key in os.environ},
            "HOME": "/tmp",
            "PYTHONDONTWRITEBYTECODE": "1",
            **{key: str(value) for key, value in self._given["environment"].items()},
            "SANDBOX_BASE_URL": self._given["base_url"],
            "SANDBOX_SUITE": name,
            "SANDBOX_RESULTS": os.path.join(self._results, f"{name}.jsonl"),
            "SANDBOX_RUN": self._given["run_id"],
            "SANDBOX_DEADLINE_SECONDS": f"{seconds:g}",
        }


def keep(stream: BufferedReader, log: str) -> None:
    """Write a stream to a log up to its limit, and read the rest so that the suite never waits for us."""
    left = MOST_OUTPUT
    with open(log, "wb") as file:
        while True:
            data = stream.read1(65536)
            if not data:
                return
            if left > 0:
                file.write(data[:left])
                if len(data) >= left:
                    file.write(f"\n[cut: more than {MOST_OUTPUT >> 20} MiB of output]\n".encode())
                file.flush()
            left -= len(data)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever a suite left running."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def write(path: str, text: str) -> None:
    """Write a small file."""
    with open(path, "w") as file:
        file.write(text)


def done(results: str, run_id: str) -> list[dict[str, Any]] | None:
    """Return the summary of the run with this id, when it came to its end."""
    try:
        with open(os.path.join(results, DONE)) as file:
            summary = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    return summary["suites"] if summary["run_id"] == run_id else None


def main() -> None:
    """Do what the parameters say."""
    spec = {
        "suites": {"type": "list", "elements": "dict", "required": True},
        "environment": {"type": "dict", "default": {}},
        "parallel": {"type": "int", "default": 1},
        "deadline_seconds": {"type": "float", "default": 300.0},
        **{name: {"type": "path", "required": True} for name in ("folder", "results")},
        **{name: {"type": "str", "required": True} for name in ("run_id", "base_url")},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    given = module.params
    summary = done(given["results"], given["run_id"])
    if summary is not None or module.check_mode:
        module.exit_json(changed=summary is None, suites=summary or [])
    try:
        shutil.rmtree(given["results"], ignore_errors=True)
        os.makedirs(given["results"])
        run = Run(given)
        with concurrent.futures.ThreadPoolExecutor(max(1, given["parallel"])) as pool:
            summary = list(pool.map(run.suite, given["suites"]))
        write(os.path.join(given["results"], DONE), json.dumps({"run_id": given["run_id"], "suites": summary}))
    except OSError as error:
        module.fail_json(msg=f"the suites could not be run: {error}")
    module.exit_json(changed=True, suites=summary)


if __name__ == "__main__":
    main()
