"""The Docker engine: one that answers is used; else it is installed and started, where that is possible."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.toolchain import apt, ping
from sandbox_suite.toolchain.locks import held
from sandbox_suite.toolchain.progress import ticking

START_SECONDS = 90.0
GRACE_SECONDS = 10.0  # after our engine ended: another start's engine may be about to answer
POLL_SECONDS = 0.1
KEPT_LINES = 15
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # where iptables and containerd are


def prepare(settings: Settings, say: Say) -> list[str]:
    """Make a Docker engine answer and return what was done."""
    if ping.answers():
        return []
    refuse_foreign()
    with held(settings.home / "locks" / "docker.lock", say, "the Docker engine"):
        if ping.answers():
            return []
        done = [] if _dockerd() else _install(say)
        _start(settings.home / "docker", say)
        return [*done, "docker engine (started)"]


def remedy() -> str:
    """Return what a person, or the next start, does about an engine that does not answer."""
    if os.environ.get("DOCKER_HOST"):
        return "start the engine that DOCKER_HOST names, or unset DOCKER_HOST to use this machine's own"
    if _forbidden():
        return "let this user talk to the engine: sudo usermod -aG docker $USER, then log in again"
    if apt.possible():
        return "`./invoke ops.setup` installs and starts it"
    return "install Docker Engine and start it; as root on Debian or Ubuntu `./invoke ops.setup` does that"


def refuse_foreign() -> None:
    """Raise where the engine is somebody else's to start."""
    if os.environ.get("DOCKER_HOST") or _forbidden() or not (apt.possible() or (_dockerd() and os.geteuid() == 0)):
        raise InfrastructureError(f"no Docker engine answers at {ping.docker_host()}", remedy=remedy())


def log_tail(log: Path) -> str:
    """Return the last lines of the engine's log that say why it ended."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    telling = [line for line in lines if not line.endswith("module=grpc")]
    return "\n".join(telling[-KEPT_LINES:])


def _forbidden() -> bool:
    socket = Path(ping.DEFAULT.removeprefix("unix://"))
    return socket.exists() and not os.access(socket, os.R_OK | os.W_OK)


def _dockerd() -> str | None:
    return shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")


def _install(say: Say) -> list[str]:
    apt.install(
        ["docker.io", "iptables", "ca-certificates"], say, why="sandboxes are containers, and no engine answers"
    )
    return ["docker engine (installed)"]


def _start(folder: Path, say: Say) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "dockerd.log"
    with ticking(say, f"starting the Docker engine (log {log})"):
        if Path("/run/systemd/system").is_dir():
            subprocess.run(["systemctl", "start", "docker"], check=False, capture_output=True)
            _await(None, log)
        else:
            _await(_detached(folder, log), log)


def _detached(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        engine = subprocess.Popen(
            [_dockerd() or "dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,  # it outlives this start, and no Ctrl-C of ours reaches it
            env=os.environ | {"PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"},
        )
    (folder / "dockerd.pid").write_text(f"{engine.pid}\n")
    return engine


def _await(engine: subprocess.Popen[bytes] | None, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ping.answers():
        if engine is not None and engine.poll() is not None:
            deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
            engine = None
        if time.monotonic() > deadline:
            raise InfrastructureError(
                f"the Docker engine does not start; the end of its log:\n{log_tail(log)}",
                left=f"Docker is installed; its log is {log}",
                remedy="correct what the log names. iptables: update-alternatives --set iptables "
                "/usr/sbin/iptables-legacy; cgroups: apt-get install cgroupfs-mount. Then try again",
            )
        time.sleep(POLL_SECONDS)
