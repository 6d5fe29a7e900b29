"""What the toolchain knows of a machine: an engine's answers, apt's sources, locks, progress."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox_suite.toolchain import ping, sources
from sandbox_suite.toolchain.locks import held
from sandbox_suite.toolchain.progress import ticking

Answering = Callable[[bytes], None]
PACKAGES = (
    "Debian|bookworm|http://mirror.test/debian/|bookworm|main\n"
    "Debian|bookworm|http://mirror.test/debian/|bookworm|contrib\n"
    "Debian|bookworm-security|http://mirror.test/security/|bookworm-security|main\n"
    "Somebody|bookworm|http://other.test/|bookworm|main\n"
    "Ubuntu|noble|http://mirror.test/ubuntu/|noble|main\n"
)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """A socket that answers one request with the given bytes."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "engine.sock"))
        server.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")

        def answer(text: bytes) -> None:
            def serve() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(text)

            threading.Thread(target=serve, daemon=True).start()

        yield answer


def test_an_answer_is_read(engine: Answering) -> None:
    engine(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"Version": "20.10"}')
    assert ping.version() == "20.10"


@pytest.mark.parametrize(
    "answer",
    [b"", b"garbage", b"HTTP/1.0 500 Internal Server Error\r\n\r\n{}", b'HTTP/1.0 200 OK\r\n\r\n{"Version": '],
    ids=["nothing", "garbage", "an error", "half an answer"],
)
def test_whatever_is_no_answer_counts_as_none(engine: Answering, answer: bytes) -> None:
    engine(answer)
    assert not ping.answers()


def test_images_are_all_tags_of_all_images(engine: Answering) -> None:
    engine(b'HTTP/1.0 200 OK\r\n\r\n[{"RepoTags": ["s/a:1", "s/b:2"]}, {"RepoTags": null}]')
    assert ping.image_references("s") == {"s/a:1", "s/b:2"}


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sources.apt_sources.cache_clear()

    def lists(targets: str) -> None:
        (tmp_path / "targets").write_text(targets)
        (tmp_path / "apt-get").write_text(f"#!/bin/sh\ncat {tmp_path}/targets\n")
        (tmp_path / "apt-get").chmod(0o755)

    yield lists
    sources.apt_sources.cache_clear()


def test_only_main_of_the_release_is_taken_from_the_machines_sources(apt: Callable[[str], None]) -> None:
    apt(PACKAGES)
    assert sources.apt_sources() == (
        "deb http://mirror.test/debian/ bookworm main",
        "deb http://mirror.test/security/ bookworm-security main",
    )
    assert sources.build_arguments() == {"APT_SOURCES": "\n".join(sources.apt_sources())}
    assert sources.mmdebstrap_command()[-2:] == list(sources.apt_sources())


def test_the_machines_own_authorities_go_along_where_a_source_is_https(
    apt: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LOCAL_AUTHORITIES", tmp_path)
    (tmp_path / "own.crt").write_text("certificate")
    apt("Debian|bookworm|https://mirror.test/debian/|bookworm|main\n")
    assert sources.build_arguments()["CA_CERTIFICATES"] == "certificate"


def test_without_apt_the_image_keeps_its_own_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    sources.apt_sources.cache_clear()
    assert sources.build_arguments() == {}
    assert sources.mmdebstrap_command()[-2:] == [sources.RELEASE, "-"]
    sources.apt_sources.cache_clear()


def test_the_second_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    order: list[str] = []

    def second() -> None:
        with held(tmp_path / "a.lock", said.append, "the images"):
            order.append("second")

    with held(tmp_path / "a.lock", said.append, "the images"):
        thread = threading.Thread(target=second)
        thread.start()
        while not said:
            time.sleep(0.001)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert said[0] == f"waiting: another start prepares the images (lock {tmp_path}/a.lock)"


def test_long_work_tells_its_time_and_latest_line(tmp_path: Path) -> None:
    said: list[str] = []
    with ticking(said.append, "building", every=0.001) as tick:
        tick("step 3")
        while not any("step 3" in line for line in said):
            time.sleep(0.001)
    assert said[0] == "building"
    assert said[-1].startswith("building: done in ")
