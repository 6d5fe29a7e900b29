"""A PostgreSQL server of a test's own: the machine's binaries, a folder in /tmp, a unix socket, no port."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

OPTIONS = "listen_addresses='' max_connections=200 shared_buffers=32MB"


def binaries() -> Path | None:
    """Return the folder of the newest server on this machine; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    path = shutil.which("postgres")
    return found[-1].parent if found else Path(path).parent if path else None


class Server:
    """A server that can be stopped, killed and started again; its data stays."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.folder, self.data, self.durable = folder, folder / "data", durable
        self.user = None if os.getuid() else _unprivileged()
        found = binaries()
        assert found is not None
        self.bin = found
        if self.user:
            os.chown(folder, pwd.getpwnam(self.user).pw_uid, -1)
        self._run("initdb", "-D", str(self.data), "-A", "trust", "-U", "sandbox", "-E", "UTF8", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write("\n".join(OPTIONS.split()) + f"\nunix_socket_directories='{folder}'\n")
            file.write("" if durable else "fsync=off\n")
        self.start()

    @property
    def url(self) -> str:
        """Return what SANDBOX_DATABASE takes."""
        return f"postgresql://sandbox@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.data], stdout=log, stderr=log, user=self.user, cwd=self.folder
            )
        for _ in range(200):
            if self._answers():
                return
            time.sleep(0.05)
        raise RuntimeError((self.folder / "server.log").read_text())

    def stop(self) -> None:
        """Hang up on everybody, and end."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def sql(self, statement: str) -> str:
        """Execute a statement, and return what it gives."""
        return self._run("psql", "-h", str(self.folder), "-U", "sandbox", "-qAt", "-c", statement, "postgres")

    def _answers(self) -> bool:
        asked = [self.bin / "pg_isready", "-q", "-h", self.folder]
        return subprocess.run(asked).returncode == 0

    def _run(self, name: str, *arguments: str) -> str:
        done = subprocess.run(
            [self.bin / name, *arguments], user=self.user, cwd=self.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def _unprivileged() -> str:
    names = [entry.pw_name for entry in pwd.getpwall()]
    return "postgres" if "postgres" in names else "nobody"


@contextlib.contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """Yield a new server; `durable`: with fsync, as one that matters has it."""
    with tempfile.TemporaryDirectory(prefix="sbx-pg-") as folder:
        made = Server(Path(folder), durable=durable)
        try:
            yield made
        finally:
            if made.process.poll() is None:
                made.stop()
