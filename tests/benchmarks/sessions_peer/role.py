"""The role, once, through ansible-runner: what a child of each side's forkserver does."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox_suite.converge import playing
from tests.benchmarks.sessions_peer import ways


def play(way: str, scratch: str) -> int:
    """Play the role on the host of `scratch`/hosts.json; leave the recap, and what was said, in `scratch`/left.json."""
    place = Path(scratch)
    recap: dict[str, Any] = {}
    said: list[str] = []

    def take(event: Mapping[str, Any]) -> bool:
        if event["event"] == "playbook_on_stats":
            recap.update(event["event_data"])
        return False  # nothing is kept on disk

    (place / "vars.json").write_text("{}")
    playing.INVENTORY = place / "hosts.json"
    what = playing.Play(ways.HERE / "play.yml", place / "vars.json", ways.environment(way, place))
    with playing.private_folder(place / "private") as private, playing.Stop() as stop:
        status, code = playing.play(what, private, take, stop, said.append)
    counts = {name: sum(recap.get(name, {}).values()) for name in ("ok", "changed", "failures", "dark")}
    (place / "left.json").write_text(json.dumps({"status": status, "code": code, **counts, "said": said}))
    return 0
