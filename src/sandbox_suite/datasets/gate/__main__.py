"""`python -m sandbox_suite.datasets.gate`: one gate run as a process. Keys come as JSON on standard input.

Ends with 0 where it signed, 3 where it blocked; the verdict is in `--out`. Anything else counts as blocked.
"""

import argparse
import datetime
import gc
import json
import sys
from pathlib import Path

from sandbox_suite.core.files import write_json
from sandbox_suite.datasets.gate import run
from sandbox_suite.datasets.gate.verdict import Request


def main() -> int:
    """Read arguments and keys, look, write the verdict."""
    parser = argparse.ArgumentParser(prog="gate")
    for name in ("raw", "quarantine", "policy", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--now", type=datetime.datetime.fromisoformat, required=True)
    parser.add_argument("--cache-key", required=True)
    given = parser.parse_args()
    keys = json.load(sys.stdin)
    gc.disable()  # a short life with many small objects and no cycles
    verdict = run.run(
        Request(given.raw, given.quarantine, given.policy, given.seed, given.now, given.cache_key),
        bytes.fromhex(keys["master"]),
        keys["signing"].encode(),
    )
    write_json(given.out, verdict.as_dict(), mode=0o600)
    return 0 if verdict.passed else 3


if __name__ == "__main__":
    sys.exit(main())
