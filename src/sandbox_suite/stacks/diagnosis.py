"""What Pulumi said of a failure, without its frame: pure."""

import re

NOISE = re.compile(
    r"^\s*(error: )?(update failed|preview failed|destroy failed|refresh failed|resource .* failed|"
    r"\d+ errors? occurred:?|an unhandled error occurred.*)\s*$"
)
ERROR = re.compile(r"^\s*error:\s*(?P<said>.+)$")
RPC = re.compile(r"^rpc error: code = \w+ desc = ")
PREFIX = re.compile(r"^sdk-v2/provider2?\.go:\d+: ")  # the official Docker provider's own place in its source
LINES = 12  # enough for every mistake of a sandbox, too few for a traceback


def of(output: str) -> str:
    """Return the errors in a run's output, each once; the last lines where none is recognised."""
    said = dict.fromkeys(_said(line) for line in output.splitlines())
    found = [line for line in said if line]
    if not found:
        found = [line.strip() for line in output.splitlines() if line.strip()][-3:]
    return "\n".join(found[:LINES]) or "it gave no reason"


def _said(line: str) -> str:
    match = ERROR.match(line)
    if not match or NOISE.match(line):
        return ""
    text = match["said"]
    return RPC.sub("", PREFIX.sub("", text)).strip()
