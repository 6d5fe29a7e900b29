"""The bytes of a text file before they are parsed: unpacked within bounds, every line in the expected encoding."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from sandbox_suite.core.errors import RequestError
from sandbox_suite.datasets.sources.mistakes import Mistakes

CHUNK = 1 << 20
PACKED = (".gz", ".bz2", ".xz", ".zst")
LARGEST_RATIO = 200  # unpacked to packed; tables of text reach 5 to 40
FREE = 64 << 20  # unpacked bytes that are never too many
# Encodings that a file may really have, for the hint only: nothing is read in a guessed encoding.
LIKELY = ["gb18030", "cp1252", "cp1250", "cp1251", "shift_jis", "big5", "euc_kr"]
SAMPLE = 64 * 1024  # bytes of lines that are not ASCII
BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig"}
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)


class _Bounded(io.RawIOBase):
    """Passes unpacked bytes on until they are more than a table of that packed size could be."""

    def __init__(self, inner: Any, path: Path) -> None:
        self._inner = inner
        self._path = path
        self._most = max(FREE, LARGEST_RATIO * path.stat().st_size)
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._read(len(buffer))
        buffer[: len(piece)] = piece
        self._given += len(piece)
        if self._given > self._most:
            raise RequestError(
                f"{self._path.name}: unpacks to more than {LARGEST_RATIO} times its size: no table does",
                remedy="unpack it by hand and look at it",
            )
        return len(piece)

    def _read(self, size: int) -> bytes:
        try:
            return cast(bytes, self._inner.read(size))
        except RequestError:
            raise
        except Exception as error:
            if not isinstance(error, (OSError, *BROKEN)) and type(error).__name__ != "ZstdError":
                raise
            raise RequestError(f"{self._path.name}: cannot be unpacked: {error}", remedy="give a whole file") from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, unpacked where its name says that it is packed; RequestError at a broken or bloated one."""
    with path.open("rb") as packed:
        if path.suffix not in PACKED:
            yield packed
            return
        with contextlib.closing(_unpacked(packed, path.suffix)) as inner:
            yield cast(BinaryIO, io.BufferedReader(_Bounded(inner, path), CHUNK))


def _unpacked(packed: BinaryIO, suffix: str) -> Any:
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=packed)
    if suffix == ".bz2":
        return bz2.BZ2File(packed)
    if suffix == ".xz":
        return lzma.LZMAFile(packed)
    return _Zstandard(packed)


class _Zstandard:
    """Reads frames of Zstandard; the library's own reader takes a frame that was cut short for a whole one."""

    PIECE = 1024  # packed bytes at a time: a block of one repeated byte is 32,000 times as long unpacked

    def __init__(self, packed: BinaryIO) -> None:
        import zstandard

        self._packed = packed
        self._unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._frame = self._unpacker.decompressobj()
        self._begun = False
        self._ready = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, none at the end; EOFError where the last frame is not whole."""
        while not self._ready and self._more():
            pass
        piece, self._ready = self._ready[:size], self._ready[size:]
        return bytes(piece)

    def _more(self) -> bool:
        packed = self._frame.unused_data if self._frame.eof else b""
        packed = packed or self._packed.read(self.PIECE)
        if self._frame.eof and packed:
            self._frame, self._begun = self._unpacker.decompressobj(), False
        if packed:
            self._begun = True
            self._ready = memoryview(self._frame.decompress(packed))
        elif self._begun and not self._frame.eof:
            raise EOFError("the file ends within a frame")
        return bool(packed)

    def close(self) -> None:
        """Do nothing: the file belongs to the caller."""


def encoding(path: Path, asked: str = "") -> str:
    """Return the encoding to read a file in: the one asked for, else what its first bytes say, else UTF-8."""
    if asked:
        return _named(asked)
    with opened(path) as file:
        head = file.read(4)
    return next((name for mark, name in BOMS.items() if head.startswith(mark)), "utf-8")


def _named(asked: str) -> str:
    try:
        found = codecs.lookup(asked)
        "".encode(found.name)  # some codecs are none of text
    except LookupError:
        raise RequestError(f"`{asked}` is no encoding", remedy=f"write one such as {', '.join(LIKELY)}") from None
    return found.name


def examine(path: Path, name: str, encoding: str) -> None:
    """Read all of a file; RequestError names the first line with a NUL and the first that is not in its encoding."""
    mistakes = Mistakes()
    decoder = codecs.getincrementaldecoder(encoding)()
    line, nul, size, quotes, broken = 1, 0, 0, 0, False
    with opened(path) as file:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            if not nul and not encoding.startswith("utf-16") and b"\0" in chunk:
                nul = line + chunk[: chunk.index(b"\0")].count(b"\n")
            text = None if broken else _decoded(decoder, chunk)
            broken, quotes = text is None, quotes + (text or "").count('"')
            line += chunk.count(b"\n")
    broken = broken or _decoded(decoder, b"", final=True) is None
    if not size:
        raise RequestError(f"{name}: is empty", remedy="give a file with a line of column names")
    if nul:
        mistakes.add(f"{name}: line {nul}: holds a NUL character, which PostgreSQL refuses", "remove NUL characters")
    if broken:
        mistakes.add(*_misread(path, name, encoding))
    elif quotes % 2:
        said = f"{name}: has an odd number of quotes: one is not closed, or stands in a cell that is not quoted"
        mistakes.add(said, "quote cells that hold a quote, and double it")
    mistakes.settle()


def _decoded(decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False) -> str | None:
    """Return the chunk's text; None where it is not in the encoding."""
    try:
        return decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return None


def _misread(path: Path, name: str, encoding: str) -> tuple[str, str]:
    """Return the mistake and the remedy for a file that is not in `encoding`."""
    first = count = whole = 0
    sample = bytearray()
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            if line.isascii():
                continue
            if _reads(line, encoding):
                whole += 1
                continue
            first, count = first or number, count + 1
            if len(sample) < SAMPLE:
                sample += line[:SAMPLE]
    said = f"{name}: cannot be read: line {first} is not {_spoken(encoding)}"
    if whole and encoding.startswith("utf-8"):
        return f"{said}, {whole} other lines are: {count} lines have another encoding", "write the file anew in UTF-8"
    worked = _working(path, bytes(sample))
    if worked:
        return f"{said}; {_spoken(worked)} reads it whole", f"if that is right, import with `--encoding {worked}`"
    return f"{said}, and no encoding reads it whole", "write the file anew in UTF-8"


def _working(path: Path, sample: bytes) -> str:
    """Return the likeliest encoding that a sample looks like, if it reads the whole file."""
    from charset_normalizer import from_bytes

    for match in from_bytes(sample, cp_isolation=LIKELY, threshold=0.6):
        looks = sample.decode(match.encoding)
        alike = [name for name in LIKELY if _reads(sample, name) and sample.decode(name) == looks]
        decoder = codecs.getincrementaldecoder(alike[0])()
        with opened(path) as file:
            if all(_decoded(decoder, chunk) is not None for chunk in iter(lambda: file.read(CHUNK), b"")):
                return alike[0]
    return ""


def _reads(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _spoken(encoding: str) -> str:
    return {"utf-8-sig": "UTF-8", "cp1252": "windows-1252"}.get(encoding, encoding.upper())
