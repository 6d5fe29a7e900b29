"""A shell through a session: the real agent, holder and client, at terminals of this machine instead of a container."""

import hashlib
import os
import re
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sessions_local import LocalEngine, serving

from sandbox_suite.sessions import frames, session
from sandbox_suite.sessions.answers import Ending
from sandbox_suite.sessions.client import Client
from sandbox_suite.sessions.holder import SOCKET
from tests.unit.sessions_typist import SECONDS, everything, pid_of, piped, typist, until

SIZE = frames.SIZE_BODY
DEAF = ("sh", "-c", "trap '' HUP; exec \"$@\"", "sh")
PROMPT = ("env", "PS1=ready> ")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    with serving(LocalEngine(), tmp_path / SOCKET):
        yield tmp_path


def ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def talked(client: Client, argv: list[str], data: bytes = b"", size: object = (24, 80)) -> tuple[Ending, bytes]:
    """Run a command at a terminal without ours; return its end and what it showed."""
    talk, shown, ending = client.begin({"op": "terminal", "argv": argv, "size": size}, 60), bytearray(), None
    talk.tell(frames.INPUT, data or b"\n")
    while ending is None:
        readable, writable, _ = select.select([talk], [talk] if talk.unsaid else [], [], SECONDS)
        assert readable or writable
        if writable:
            talk.say()
        if readable:
            ending = talk.hear(lambda _, piece: shown.extend(piece))
    return ending, bytes(shown)


def test_the_terminal_has_our_size_and_kind_and_is_a_session_of_its_own(runtime: Path) -> None:
    seat = typist(runtime, "box", *PROMPT, "sh")
    seat.expect("ready> ")
    seat.send("stty size; tty; echo $TERM; ps -o tty= -p $$\r")
    seat.expect("33 77\r\n(/dev/(pts/[0-9]+))\r\nxterm-256color\r\n(pts/[0-9]+)")
    assert seat.match.group(2) == seat.match.group(3)
    seat.setwinsize(40, 123)
    seat.send("until [ \"$(stty size)\" = '40 123' ]; do sleep 0.01; done; echo it-is-$((40+123))\r")
    seat.expect("it-is-163")
    seat.send("exit 7\r")
    seat.expect_exact("[back, 7]")


def test_a_program_hears_of_a_new_size_while_it_runs(runtime: Path) -> None:
    seat = typist(runtime, "box", "sh", "-c", "trap 'stty size; exit 5' WINCH; echo set; while :; do sleep 0.05; done")
    seat.expect("set")
    seat.setwinsize(50, 60)
    seat.expect("50 60")
    seat.expect_exact("[back, 5]")


def test_what_is_typed_is_shown_once_and_not_at_all_when_the_program_says_so(runtime: Path) -> None:
    seat = typist(
        runtime, "box", "sh", "-c", "echo now; read a; stty -echo; echo hush; read b; stty echo; echo $a$b | rev"
    )
    seat.expect("now")
    seat.send("open\r")
    seat.expect("hush")
    assert seat.before.count(b"open") == 1
    seat.send("secret\r")
    seat.expect("tercesnepo")
    assert b"secret" not in seat.before


def test_ctrl_c_and_ctrl_z_and_ctrl_d_reach_the_program_and_not_us(runtime: Path) -> None:
    seat = typist(runtime, "box", *PROMPT, "bash", "--norc")
    seat.expect("ready> ")
    seat.send("sh -c 'echo beg\"\"un; exec sleep 600'\r")
    seat.expect("begun\r\n")  # a key that comes before the program is the shell's
    seat.send("\x03")
    seat.expect("ready> ")
    seat.send("echo [$?]; cat\r")
    seat.expect_exact("[130]")
    seat.send("there\r")
    seat.expect_exact("there\r\nthere\r\n")
    seat.send("\x1a")
    seat.expect("Stopped")
    seat.send("kill -KILL %1; while jobs %1 2>/dev/null | grep -q Stop; do :; done; wait; echo go''ne\r")
    seat.expect("gone")
    seat.expect("ready> ")
    seat.send("\x04")
    seat.expect_exact("[back, 0]")


def test_a_key_of_backspace_takes_a_whole_character_away(runtime: Path) -> None:
    seat = typist(runtime, "box", "sh", "-c", "echo on; read word; printf %s $word | od -An -tx1")
    seat.expect("on")
    seat.send("aé\x7fb\r")
    seat.expect(" 61 62\r\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_whoever_ends_us_our_terminal_is_put_back_and_the_program_ended(
    number: int, code: int, runtime: Path, tmp_path: Path
) -> None:
    seat = typist(runtime, "box", "sh", "-c", f"stty raw -echo; echo $$ > {tmp_path}/inner; sleep 600 & wait")
    assert until(lambda: (tmp_path / "inner").exists() and (tmp_path / "inner").read_text())
    os.kill(pid_of(runtime), number)
    seat.expect_exact(f"[back, {code}]")
    assert until(lambda: ended(int((tmp_path / "inner").read_text())))


def test_a_killed_client_leaves_no_process_behind_whatever_group_or_session_it_is_in(
    runtime: Path, tmp_path: Path
) -> None:
    line = (
        f"setsid sleep 600 & echo $! > {tmp_path}/b; set -m; sleep 600 & echo $! > {tmp_path}/a; trap '' HUP; sleep 600"
    )
    seat = typist(runtime, "box", "bash", "-c", f"echo $$ > {tmp_path}/c; {line}")
    assert until(lambda: all((tmp_path / name).exists() and (tmp_path / name).read_text() for name in "abc"))
    os.kill(pid_of(runtime), signal.SIGKILL)
    seat.expect_exact("[changed]")
    assert until(lambda: all(ended(int((tmp_path / name).read_text())) for name in "abc"))


def test_our_terminal_going_away_ends_the_program_too(runtime: Path, tmp_path: Path) -> None:
    seat = typist(runtime, "box", "sh", "-c", f"echo $$ > {tmp_path}/inner; trap '' HUP; sleep 600")
    assert until(lambda: (tmp_path / "inner").exists() and (tmp_path / "inner").read_text())
    os.close(seat.child_fd)
    assert until(lambda: ended(int((tmp_path / "inner").read_text())))
    assert until(lambda: ended(pid_of(runtime)))


def test_after_a_stop_our_terminal_is_lent_again(runtime: Path) -> None:
    seat = typist(runtime, "box", "sh", "-c", "stty -echo; echo now; read word; echo [$word]")
    seat.expect("now")
    os.kill(pid_of(runtime), signal.SIGSTOP)
    seat.setecho(True)  # as an interactive shell does when its job stops
    os.kill(pid_of(runtime), signal.SIGCONT)
    assert until(lambda: not seat.getecho())
    seat.send("typed\r")
    seat.expect_exact("[typed]")
    assert b"typed" not in seat.before


def test_what_is_ignored_stays_so(runtime: Path) -> None:
    seat = typist(runtime, "box", "sh", "-c", "echo now; read word; echo [$word]", prefix=DEAF)
    seat.expect("now")
    os.kill(pid_of(runtime), signal.SIGHUP)
    seat.send("still\r")
    seat.expect_exact("[still]")


def test_a_paste_of_five_megabytes_of_any_bytes_arrives(runtime: Path) -> None:
    data = os.urandom(5 << 20)
    seat = typist(runtime, "box", "sh", "-c", "stty raw -echo; echo ready; head -c 5242880 | sha256sum")
    seat.expect("ready")
    left = memoryview(data)
    while left:
        left = left[os.write(seat.child_fd, left[:4096]) :]
    seat.expect(hashlib.sha256(data).hexdigest())
    seat.expect_exact("[back, 0]")


def test_twenty_megabytes_of_output_arrive(runtime: Path) -> None:
    seat = typist(runtime, "box", "sh", "-c", "yes 012345678 | head -c 20000000")
    seen = everything(seat)
    assert seen.startswith(b"012345678\r\n" * 2_000_000)
    assert seen.endswith(b"[back, 0]\r\n")


def test_the_last_output_of_a_program_is_never_lost(runtime: Path) -> None:
    with Client(runtime / SOCKET, "box") as client:
        for _ in range(60):
            ending, shown = talked(client, ["sh", "-c", "stty -onlcr -echo; head -c 30000 /dev/zero; printf end"])
            assert (ending, shown[-30003:]) == (Ending(0, frames.ENDED, ""), b"\0" * 30000 + b"end")


def test_a_process_left_in_the_background_is_not_waited_for_and_lives_on(runtime: Path, tmp_path: Path) -> None:
    seat = typist(runtime, "box", "bash", "-c", f"set -m; trap '' HUP; sleep 600 & echo $! > {tmp_path}/pid; echo done")
    seat.expect_exact("[back, 0]")
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 0)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("argv", [("no-such-program",), ("/",)])
def test_what_cannot_be_started_is_told_with_the_exit_code_of_a_shell(argv: tuple[str], runtime: Path) -> None:
    seat = typist(runtime, "box", *argv)
    seat.expect(r"no-such-program: No such file or directory\r\n|/: Permission denied\r\n")
    seat.expect_exact(f"[back, {127 if argv[0] != '/' else 126}]")


@pytest.mark.parametrize("size", [None, (1,), (-1, 80), (70000, 1), "24x80"])
def test_a_size_that_makes_no_sense_is_refused_and_leaves_no_descriptor(size: object, runtime: Path) -> None:
    with Client(runtime / SOCKET, "box") as client:
        count = "sleep 0.2; ls /proc/$PPID/fd | wc -l"  # those of the start itself are gone by then
        before = client.exec(count).out
        assert [talked(client, ["true"], size=size)[0].how for _ in range(3)] == [frames.REFUSED] * 3
        assert talked(client, ["no-such-program"])[0].status == 127
        assert until(lambda: client.exec(count).out == before)


def test_a_new_size_for_what_has_no_terminal_is_nothing(runtime: Path) -> None:
    with Client(runtime / SOCKET, "box") as client:
        talk, shown, ending = client.begin({"op": "exec", "argv": ["cat"]}, 60), bytearray(), None
        talk.tell(frames.SIZE, SIZE.pack(24, 80))
        talk.tell(frames.INPUT, b"said")
        talk.tell(frames.INPUT)
        while ending is None:
            select.select([talk], [talk] if talk.unsaid else [], [], SECONDS)
            talk.say()
            ending = talk.hear(lambda _, piece: shown.extend(piece))
        assert (ending.status, bytes(shown)) == (0, b"said")


def test_a_session_that_ends_in_the_middle_gives_one_line_and_our_terminal_back(runtime: Path) -> None:
    seat = typist(runtime, "box", "sh", "-c", "stty raw; printf half; sleep 0.5; kill -9 $PPID; sleep 600")
    seen = everything(seat).replace(b"\r", b"").decode()
    assert re.fullmatch(
        r"half\nfailed: box: the session ended \(agent or container gone\)\n"
        r"left as it was: the container; the request may have been begun\n\[back, 1\]\n",
        seen,
    ), seen


def test_an_agent_that_fell_silent_is_noticed_once_something_was_typed(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "GRACE", 0.3)
    seat = typist(runtime, "box", *PROMPT, "sh", quiet=0.3)
    seat.expect("ready> ")
    seat.send("echo agent $PPID\r")
    seat.expect(r"agent ([0-9]+)\r\n.*ready> ")
    agent = Path(f"/proc/{int(seat.match[1])}/stat")
    seat.send("kill -STOP $PPID\r")
    assert until(lambda: agent.read_text().rpartition(") ")[2].startswith("T"))
    seat.send("anybody?\r")
    seat.expect("failed: box: the agent does not answer; its session was closed")
    seat.expect_exact("[back, 1]")


def test_a_program_that_says_nothing_for_long_is_left_alone(runtime: Path) -> None:
    seat = typist(runtime, "box", "sh", "-c", "stty -echo; echo now; read a; sleep 1.5; echo still $a", quiet=0.2)
    seat.expect("now")
    seat.send("here\r")
    seat.expect("still here")
    seat.expect_exact("[back, 0]")


def test_pipes_carry_input_both_outputs_and_the_exit_code(runtime: Path) -> None:
    data = os.urandom(3 << 20)
    done = piped(runtime, "box", "sh", "-c", "cat; echo err >&2; [ -t 0 ] || exit 5", data=data)
    assert (done.returncode, done.stdout == data, done.stderr) == (5, True, b"err\n")


def test_pipes_need_not_be_read_to_their_ends(runtime: Path) -> None:
    assert piped(runtime, "box", "true", data=b"x" * (5 << 20)).returncode == 0
    seat = typist(runtime, "box", "yes")  # a terminal that somebody leaves
    seat.expect("y\r\ny\r\n")
    seat.close(force=True)
    assert until(lambda: ended(pid_of(runtime)))
