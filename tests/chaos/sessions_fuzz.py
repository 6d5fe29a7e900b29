"""Both fuzzers of the frame protocol, side by side: the agent in a container, the holder in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.sessions import bundle

HERE = Path(__file__).parent
SLACK = 120.0  # seconds over the time that was asked for, before a fuzzer counts as hanging
LOAD = """import sys,marshal
for name,text in marshal.loads(sys.stdin.buffer.read({size})):
 module=sys.modules[name]=type(sys)(name);parent,_,leaf=name.rpartition('.')
 if parent: setattr(sys.modules[parent],leaf,module)
 exec(compile(text,name,'exec'),module.__dict__)
module.main({seed},{seconds},{only!r})"""


def agents(container: str, seed: int, seconds: float, only: str = "") -> "Fuzzer":
    """Start arbitrary holders against the agent, in `container`."""
    texts = [(name, "") for name in ("sandbox_suite", bundle.PACKAGE, "tests", "tests.chaos")]
    folder = CHECKOUT / "src" / "sandbox_suite" / "sessions"
    texts += [(f"{bundle.PACKAGE}.{name}", (folder / f"{name}.py").read_text()) for name in bundle.MODULES]
    for name in ("sessions_streams", "sessions_agent_fuzz"):
        texts.append((f"tests.chaos.{name}", (HERE / f"{name}.py").read_text()))
    later = f"from tests.chaos import sessions_streams\nsessions_streams.LATER.update({bundle.later('terminal')!r})"
    texts.insert(-1, ("tests.chaos.later", later))
    import marshal

    data = marshal.dumps(texts, 2)
    program = LOAD.format(size=len(data), seed=seed, seconds=seconds, only=only)
    command = ["docker", "exec", "-i", container, "python3", "-I", "-X", "utf8", "-c", program]
    return Fuzzer("agent", command, data, seconds)


def holders(seed: int, seconds: float, only: str = "") -> "Fuzzer":
    """Start arbitrary agents against the holder."""
    command = [sys.executable, "-m", "tests.chaos.sessions_holder_fuzz", str(seed), str(seconds), only]
    return Fuzzer("holder", command, b"", seconds)


class Fuzzer:
    """A fuzzer at work; what it finds is told at its end."""

    def __init__(self, name: str, command: list[str], data: bytes, seconds: float) -> None:
        self.name, self._data, self._seconds = name, data, seconds
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=CHECKOUT)

    def result(self) -> dict[str, Any]:
        """Wait for its end; return how much it tried and its findings."""
        try:
            out, errors = self._process.communicate(self._data, self._seconds + SLACK)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return {"findings": [f"{self.name}: hangs"]}
        if self._process.returncode:
            words = errors.decode(errors="replace")[-2000:]
            return {"findings": [f"{self.name}: ended with {self._process.returncode}: {words}"]}
        found: dict[str, Any] = json.loads(out)
        return found
