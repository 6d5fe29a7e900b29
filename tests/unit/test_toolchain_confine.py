"""The filter that keeps a plugin from forking, run by a small interpreter of its bytecode: for other machines too."""

import errno
import struct
import types
from importlib.machinery import SourceFileLoader

import pytest

from sandbox_suite.toolchain.images import CONTEXTS

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003
THREAD_FLAGS = 0x003D0F00  # what the C library gives clone to make a thread
FORK_FLAGS = 0x01200011  # what it gives clone to make a process


@pytest.fixture(scope="module")
def confine() -> types.ModuleType:
    module = types.ModuleType("confine")
    SourceFileLoader("confine", str(CONTEXTS / "plugin" / "confine")).exec_module(module)
    return module


def verdict(program: bytes, architecture: int, number: int, argument: int = 0) -> int:
    """Run the bytecode as the kernel would."""
    call = struct.pack("IIQ6Q", number, architecture, 0, argument, 0, 0, 0, 0, 0)
    steps = list(struct.iter_unpack("HBBI", program))
    accumulator, at = 0, 0
    while True:
        operation, if_true, if_false, value = steps[at]
        at += 1
        if operation == 0x06:
            return int(value)
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("I", call, value)
            continue
        holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[operation]
        at += if_true if holds else if_false


@pytest.mark.parametrize(
    ("machine", "architecture", "number", "argument", "expected"),
    [
        ("x86_64", X86_64, 57, 0, EPERM),  # fork
        ("x86_64", X86_64, 58, 0, EPERM),  # vfork
        ("x86_64", X86_64, 56, FORK_FLAGS, EPERM),  # clone
        ("x86_64", X86_64, 56, THREAD_FLAGS, ALLOW),
        ("x86_64", X86_64, 435, 0, ENOSYS),  # clone3
        ("x86_64", X86_64, 59, 0, ALLOW),  # execve makes no process
        ("x86_64", X86_64, 0, 0, ALLOW),  # read
        ("x86_64", X86_64, 0x40000000 | 57, 0, ENOSYS),  # fork by its x32 number
        ("x86_64", I386, 2, 0, KILL),  # fork by its 32-bit number
        ("aarch64", AARCH64, 220, FORK_FLAGS, EPERM),
        ("aarch64", AARCH64, 220, THREAD_FLAGS, ALLOW),
        ("aarch64", AARCH64, 435, 0, ENOSYS),
        ("aarch64", AARCH64, 57, 0, ALLOW),  # close: fork's number elsewhere
        ("aarch64", X86_64, 57, 0, KILL),
    ],
)
def test_threads_pass_and_processes_do_not(
    confine: types.ModuleType, machine: str, architecture: int, number: int, argument: int, expected: int
) -> None:
    assert verdict(confine.filter_for(machine), architecture, number, argument) == expected


def test_another_machine_is_refused_with_a_message(confine: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["confine", "true"])
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert "no filter for riscv64" in confine.main()
