"""A process of ours, killed in the middle of its work."""

import os
import signal
import subprocess
import sys
import time


def killed(program: str, *arguments: str, after: float) -> bytes:
    """Start a Python program, SIGKILL it so many seconds after its first line, and return what it printed since."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        process.wait()
        return process.stdout.read()
