"""Sources behind a URL: fetched whole, from memory, files and an HTTP server; never with a password in the URL."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from datasets_importing import bring, refused, settings

from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets.sources import remote

PEOPLE = b"id,name\n1,Anna\n2,Bo\n"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return settings(tmp_path)


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/clinic", recursive=True)


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file, and several ways to fail."""

    def do_GET(self) -> None:
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/people.csv")
            self.end_headers()
        elif self.path.startswith("/gone"):
            self.send_error(404)
        else:
            short = self.path.startswith("/short")
            self.send_response(200)
            if not self.path.startswith("/unsized"):
                self.send_header("Content-Length", str(len(PEOPLE) + 5 * short))
            self.end_headers()
            self.wfile.write(PEOPLE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def test_a_file_url_is_a_path(home: Settings, tmp_path: Path) -> None:
    (tmp_path / "two people.csv").write_bytes(PEOPLE)
    assert set(bring(home, (tmp_path / "two people.csv").as_uri()).tables) == {"two_people"}


def test_a_file_and_a_folder_are_fetched_through_fsspec(home: Settings, memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe({"/clinic/people.csv": PEOPLE, "/clinic/visits.csv": b"visit_id,person_id\n1,2\n"})
    one, all_ = bring(home, "memory://clinic/people.csv"), bring(home, "memory://clinic", reference="clinic@2")
    assert (one.rows, all_.rows) == (2, 3)
    assert all_.tables["visits"]["foreign_keys"] == {"person_id": "people.id"}


def test_a_described_data_set_is_fetched_with_its_files(home: Settings, memory: fsspec.AbstractFileSystem) -> None:
    described = b"dataset: any\nversion: '1'\nfiles: {people: people.csv}\ntables: {people: {primary_key: [id]}}\n"
    memory.pipe({"/clinic/people.csv": PEOPLE, "/clinic/dataset.yaml": described})
    assert bring(home, "memory://clinic").tables["people"]["discovered"] == []


@pytest.mark.parametrize("path", ["people.csv", "moved.csv", "unsized.csv", "people.csv?signature=abc#x"])
def test_a_file_is_fetched_from_a_web_server(home: Settings, server: str, path: str) -> None:
    assert bring(home, f"{server}/{path}").rows == 2
    (origin,) = (home.home / "datasets").glob("ver/*/origin.json")
    assert "signature" not in origin.read_text()


def test_what_a_server_does_not_give_whole_is_refused(home: Settings, server: str) -> None:
    refused(home, f"{server}/gone.csv?token=abcdef", "gone.csv` cannot be fetched: the server says 404")
    refused(home, f"{server}/short.csv", "short.csv")
    refused(home, f"{server}/", "names no file")
    told = refused(home, "http://127.0.0.1:9/people.csv?token=abcdef", "cannot be fetched: ConnectionError")
    assert "abcdef" not in told


def test_a_password_in_a_url_is_refused_and_not_repeated(home: Settings) -> None:
    secret = "tr0ub4dor" + "3x"
    for url in (f"https://anna:{secret}@data.example/p.csv", f"memory://x::https://anna:{secret}@data.example/p.csv"):
        assert secret not in refused(home, url, "holds a password")


def test_what_is_not_there_is_refused(home: Settings, memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe({"/clinic/people.csv": PEOPLE})
    refused(home, "memory://clinic/gone.csv", "does not exist")
    refused(home, "gopher+x://clinic/gone.csv", "unknown protocol")


def test_an_object_store_names_the_extra_that_is_missing(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", missing)
    told = refused(home, "s3://bucket/people.csv", "`s3://` needs a package")
    assert "sandbox-suite[s3]" in told


def test_nothing_fetched_is_left(home: Settings, server: str) -> None:
    bring(home, f"{server}/people.csv")
    assert list((home.home / "datasets" / "tmp").iterdir()) == []


def test_a_query_is_never_shown() -> None:
    assert remote.shown("https://data.example/p.csv?X-Signature=abc") == "https://data.example/p.csv"
