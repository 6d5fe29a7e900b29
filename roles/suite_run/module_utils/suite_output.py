"""What a suite leaves on disk: its output within bounds, and how it ended, whatever room the suite has left."""

from __future__ import annotations

from typing import Any

HEAD, TAIL = 768 << 10, 256 << 10  # bytes of output kept in the log: its beginning and its end
LARGEST_STREAM = 16 << 20  # bytes of standard output kept as results
PAGE = 4096  # bytes of a small file whose room is reserved


class Output:
    """A suite's output: its beginning and end go into the log, standard output also into results where it is such."""

    def __init__(self, log: str, stream: str | None) -> None:
        self.log = open(log, "wb", buffering=0)  # noqa: SIM115 - closed at the end of the watch
        self.stream = open(stream, "wb", buffering=0) if stream else None  # noqa: SIM115
        self.printed = self.streamed = 0
        self.end = bytearray()
        self.lost = ""

    def take(self, data: bytes, results: bool) -> None:
        """Keep what there is room for."""
        room = max(0, HEAD - self.printed)
        self.printed += len(data)
        if room:
            self.write(self.log, data[:room])
        self.end += data[room:]
        if len(self.end) > 2 * TAIL:
            del self.end[:-TAIL]
        if results and self.stream:
            self.write(self.stream, data[: max(0, LARGEST_STREAM - self.streamed)])
            self.streamed += len(data)

    def write(self, file: Any, data: bytes) -> None:
        """Write what can be written: a full disk is told, and keeps nobody waiting."""
        try:
            while data:
                data = data[file.write(data) :]
        except OSError as error:
            self.lost = f"output: {error.strerror}"

    def close(self) -> int:
        """Write the end; return how many bytes are in the log."""
        cut = max(0, self.printed - HEAD - TAIL)
        if cut:
            self.write(self.log, f"\n[cut: {cut} bytes]\n".encode())
        end = bytes(self.end[-TAIL:])
        self.write(self.log, end)
        self.log.close()
        if self.stream:
            self.stream.close()
        return self.printed - cut


def reserve(path: str) -> None:
    """Take the room that a small file needs: a suite that fills the disk cannot hide how it ended."""
    with open(path, "wb") as file:
        file.write(b"\n" * PAGE)


def tell(path: str, text: str) -> None:
    """Write a small file whose room is reserved."""
    with open(path, "r+b") as file:
        file.write(text.encode()[:PAGE])
        file.truncate()
