#!/usr/bin/python3
"""Module suite_execute: run regression suites, each in a process group of its own with a time limit."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
import traceback
from typing import Any

from ansible.module_utils import suite_output, suite_processes, suite_watch
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: suite_execute
short_description: Runs regression suites
description:
  - Each suite has a watcher, a process that ends whatever the suite started, however far it forked away.
  - A failing suite does not fail the module, its results tell. A run whose id is done is not run again.
options:
  suites: {type: list, elements: dict, required: true, description: "name, run, timeout_seconds, stdout, retries."}
  folder: {type: path, required: true, description: Folder with one folder for each suite.}
  results: {type: path, required: true, description: Folder for results; emptied before a new run.}
  run_id: {type: str, required: true, description: Id of the run.}
  environment: {type: dict, default: {}, description: More environment of every suite.}
  base_url: {type: str, required: true, description: Where the plugin answers.}
  parallel: {type: int, default: 1, description: How many suites run at once.}
  deadline_seconds: {type: float, default: 300, description: Seconds for all suites together.}
"""

KEPT = ("PATH", "LANG", "LC_ALL", "NODE_PATH", "TZ")
DONE = "run.json"
GIVEN = re.compile(r"\$\{(SANDBOX_[A-Z_]+)\}")  # filled in in a suite's command; nothing else is


class Run:
    """One run of several suites: as many watchers at once as asked for, the next suite as soon as one is done."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self._results = given["results"]
        self._last = time.monotonic() + given["deadline_seconds"]
        self._watchers: dict[int, dict[str, Any]] = {}

    def all(self) -> list[dict[str, Any]]:
        """Run every suite and return their summaries, in the order given."""
        suite_processes.control(suite_processes.SUBREAPER, 1)
        waiting = [self._watched(suite) for suite in self._given["suites"]]
        order = list(waiting)
        for watched in waiting:
            for ending in ("end", "rc"):
                suite_output.reserve(os.path.join(self._results, f"{watched['name']}.{ending}"))
        while waiting or self._watchers:
            while waiting and len(self._watchers) < max(1, self._given["parallel"]) and self._begin(waiting[0]):
                waiting.pop(0)
            self._await_one()
        return [self._summary(watched) for watched in order]

    def _watched(self, suite: dict[str, Any]) -> dict[str, Any]:
        name = suite["name"]
        return {
            "name": name,
            "run": suite["run"],
            "folder": os.path.join(self._given["folder"], name),
            "results": self._results,
            "scratch": os.path.join(self._results + ".scratch", name),
            "stdout": suite.get("stdout") or "log",
            "timeout": float(suite.get("timeout_seconds") or 60),
            "retries": int(suite.get("retries") or 0),
            "parent": os.getpid(),
        }

    def _begin(self, watched: dict[str, Any]) -> bool:
        """Start a suite's watcher, unless the time for all is over; False: not now, there is no process free."""
        seconds = min(watched["timeout"], self._last - time.monotonic())
        watched["began"] = time.monotonic()
        if seconds <= 0:
            suite_watch.told(watched, {"how": "not-begun", "code": 0})
            return True
        watched["seconds"], watched["environment"] = seconds, self._environment(watched, seconds)
        environment = watched["environment"]
        watched["run"] = [GIVEN.sub(lambda said: environment.get(said[1], said[0]), word) for word in watched["run"]]
        try:
            pid = os.fork()
        except BlockingIOError:
            time.sleep(0.05)
            return False
        if pid == 0:
            watch(watched)
        self._watchers[pid] = watched
        return True

    def _await_one(self) -> None:
        """Wait until a watcher ends; of one that was killed, end what it watched over."""
        if not self._watchers:
            return
        pid, status = os.waitpid(-1, 0)
        watched = self._watchers.pop(pid, None)
        if watched is None:
            return  # an orphan of a watcher that was killed
        watched["took"] = round(time.monotonic() - watched["began"], 3)
        if status:
            self._end_strays()
            suite_watch.told(watched, {"how": "lost", "code": 0})

    def _end_strays(self) -> None:
        for _ in range(50):
            watched = {pid for watcher in self._watchers for pid in (watcher, *suite_processes.family(watcher))}
            strays = suite_processes.family(os.getpid()).keys() - watched
            if not strays:
                return
            for pid in strays:
                suite_processes.quietly(pid, signal.SIGKILL)
            time.sleep(0.005)

    def _environment(self, watched: dict[str, Any], seconds: float) -> dict[str, str]:
        place = os.path.join(self._results, watched["name"])
        return {
            **{key: os.environ[key] for key in KEPT if key in os.environ},
            "HOME": os.path.join(watched["scratch"], "tmp"),
            "TMPDIR": os.path.join(watched["scratch"], "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **{key: str(value) for key, value in self._given["environment"].items()},
            "SANDBOX_BASE_URL": self._given["base_url"],
            "SANDBOX_SUITE": watched["name"],
            "SANDBOX_RESULTS": f"{place}.jsonl",
            "SANDBOX_RESULTS_DIR": os.path.join(watched["scratch"], "results"),
            "SANDBOX_RUN": self._given["run_id"],
            "SANDBOX_RETRIES": str(watched["retries"]),
            "SANDBOX_DEADLINE_SECONDS": f"{seconds:g}",
        }

    def _summary(self, watched: dict[str, Any]) -> dict[str, Any]:
        with open(os.path.join(self._results, f"{watched['name']}.rc")) as file:
            code = int(file.read())
        return {"name": watched["name"], "rc": code, "seconds": watched.get("took", 0.0)}


def watch(watched: dict[str, Any]) -> None:
    """Be a watcher, and nothing of the module."""
    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        suite_watch.watch(watched)
        code = 0
    except BaseException:
        with open(os.path.join(watched["results"], f"{watched['name']}.log"), "a") as file:
            file.write(traceback.format_exc())
    finally:
        os._exit(code)


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
        reserved = os.path.join(given["results"], DONE)
        suite_output.reserve(reserved)
        summary = Run(given).all()
        shutil.rmtree(given["results"] + ".scratch", ignore_errors=True)
        write(reserved, json.dumps({"run_id": given["run_id"], "suites": summary}))
    except OSError as error:
        module.fail_json(msg=f"the suites could not be run: {error}")
    module.exit_json(changed=True, suites=summary)


if __name__ == "__main__":
    main()
