"""Secrets are where they are used and nowhere else: a kept job is searched while it lives and after it ended."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import docker
import psutil

from tests.e2e.conftest import Invoke
from tests.e2e.traces import Traces


def forms(secret: bytes) -> dict[str, bytes]:
    """Return a secret as it may be written down; values end in newlines or not."""
    bare = secret.strip()
    return {"clear": bare, "hex": bare.hex().encode(), "base64": base64.b64encode(bare).rstrip(b"=")}


def files(folder: Path, but: set[Path]) -> Iterator[Path]:
    """Yield every file below a folder, those under `but` left out."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_socket() and not any(path.is_relative_to(one) for one in but):
            yield path


def found(secrets: dict[str, bytes], text: bytes, where: str) -> list[str]:
    """Return where a secret stands in a text, as sentences without the secret."""
    return [
        f"{name} ({form}) in {where}"
        for name, secret in secrets.items()
        for form, value in forms(secret).items()
        if len(value) >= 12 and value in text
    ]


def everywhere(secrets: dict[str, bytes], home: Path, runtime: Path, job: str) -> list[str]:
    """Search state, tmpfs, processes and containers."""
    hits: list[str] = []
    for root, kept in ((home, {home / "secrets"}), (runtime, {runtime / "jobs" / job / "secrets"})):
        for path in files(root, kept):
            hits += found(secrets, path.read_bytes(), str(path))
    for process in psutil.process_iter(["pid", "cmdline"]):
        hits += found(secrets, "\0".join(process.info["cmdline"] or []).encode(), f"arguments of {process.info['pid']}")
    client = docker.APIClient(version="auto")
    for row in client.containers(all=True, filters={"label": f"sandbox-suite.job={job}"}):
        hits += found(secrets, json.dumps(client.inspect_container(row["Id"])).encode(), f"inspect of {row['Names']}")
        hits += found(secrets, client.logs(row["Id"]), f"logs of {row['Names']}")
    return hits


def test_secrets_stand_nowhere_but_where_they_are_used(invoke: Invoke, traces: Traces) -> None:
    ended = invoke("sandbox.run", "--plan", "smoke", "--keep", "--json")
    assert ended.code == 0, ended.err
    run = ended.json
    job, runtime = run["job"], traces.runtime()
    try:
        secrets = {
            path.name: path.read_bytes() for path in files(invoke.home / "secrets", set()) if path.suffix != ".lock"
        }
        secrets.pop("pulumi-salt", None)  # public by design: it stands in every stack's settings
        secrets |= {"password": (runtime / "jobs" / job / "secrets" / "plugin_db_password").read_bytes()}
        assert {"mask", "gate-signing", "plugin-signing", "pulumi-passphrase", "password"} <= secrets.keys()
        assert everywhere(secrets, invoke.home, runtime, job) == []
        shown = invoke("sandbox.logs", "--job", job).out + invoke("sandbox.show", "--job", job, "--json").out
        assert found(secrets, shown.encode(), "what tasks print") == []
    finally:
        invoke("sandbox.destroy", "--job", job)
    assert everywhere(secrets, invoke.home, runtime, job) == []


def test_the_search_finds_a_planted_secret(tmp_path: Path) -> None:
    planted = b"".join([b"not-a-", b"real-", b"secret-value"])
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "log").write_bytes(b"x" + base64.b64encode(planted) + b"y")
    (tmp_path / "runtime").mkdir()
    hits = everywhere({"planted": planted}, tmp_path / "state", tmp_path / "runtime", "none")
    assert any("base64" in hit for hit in hits)
