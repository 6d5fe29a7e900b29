"""Classes of machines: times of one class can be held against each other. Pure."""

import re
from collections.abc import Mapping
from typing import Any

UNKNOWN = "unknown-machine"


def of(host: Mapping[str, Any]) -> str:
    """Return the class of a host, as the report's inventory tells it: architecture, processors, memory, model."""
    processors = host.get("processors")
    if not processors:
        return UNKNOWN
    memory = re.match(r"[0-9.]+", str(host.get("memory", "")))
    parts = [
        str(host.get("architecture", "")),
        f"{processors}-processors",
        f"{round(float(memory[0]))}-gib" if memory else "",
        str(host.get("model", "")),
    ]
    return re.sub(r"[^a-z0-9]+", "-", "-".join(part for part in parts if part).lower()).strip("-")[:100]
