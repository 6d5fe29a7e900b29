"""The images as sandboxes run them: read-only, without capabilities, as their own users."""

import subprocess
import uuid
from collections.abc import Iterator

import pytest

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import settings
from sandbox_suite.toolchain import images, ping
from sandbox_suite.toolchain.builds import Builder

pytestmark = pytest.mark.docker

HARDENED = (
    *("--init", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none"),
    "--tmpfs=/tmp:noexec,mode=1777",
)
CONFINE = "/usr/local/libexec/sandbox/confine"
PYTHON = """
import os, subprocess, threading
threads = [threading.Thread(target=lambda: print("thread")) for _ in range(2)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
for attempt in (os.fork, lambda: subprocess.run(["true"]), lambda: os.posix_spawn("/bin/true", ["true"], {})):
    try:
        attempt()
        print("process")
    except PermissionError:
        print("refused")
"""
NODE = """
const {Worker} = require("worker_threads")
new Worker('console.log("thread")', {eval: true}).on("exit", () => require("fs").readFile("/etc/passwd", () => {
    console.log("pool")
    try { require("child_process").spawn("true"); console.log("process") } catch (error) { console.log(error.code) }
}))
"""


def run(part: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "run", "--rm", *HARDENED, images.references()[part], *command],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    name = f"toolchain-test-{uuid.uuid4().hex[:8]}"
    place = "--tmpfs=/data/run:uid=10000,gid=10000,mode=0700"
    command = ["docker", "run", "--detach", f"--name={name}", *HARDENED, place, images.references()["database"]]
    subprocess.run(command, check=True, capture_output=True)
    try:
        ready = "until psql -qtAc 'select 1' sandbox >/dev/null 2>&1; do sleep 0.02; done"
        subprocess.run(["docker", "exec", name, "timeout", "30", "sh", "-c", ready], check=True)
        yield name
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)


def psql(database: str, query: str) -> str:
    command = ["docker", "exec", database, "psql", "-XqtA", "-d", "sandbox", "-c", query]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_database_starts_hardened_from_a_copy_of_the_images_cluster(database: str) -> None:
    assert psql(database, "show data_directory") == "/data/run/pg"
    assert psql(database, "select count(*) > 0 from pg_stat_statements") == "t"
    assert psql(database, "show wal_segment_size") == "1MB"


def test_nobody_but_its_own_user_enters_the_database_without_a_password(database: str) -> None:
    rules = psql(database, "select type, database, user_name, address, auth_method from pg_hba_file_rules")
    assert rules.splitlines() == [
        "local|{all}|{postgres}||peer",
        "local|{all}|{all}||scram-sha-256",
        "host|{all}|{all}|samenet|scram-sha-256",
    ]


def test_a_new_role_may_do_nothing_that_was_not_granted(database: str) -> None:
    psql(database, "create role stranger login")
    assert psql(database, "select has_database_privilege('stranger', 'sandbox', 'connect')") == "f"
    assert psql(database, "select has_schema_privilege('stranger', 'public', 'usage')") == "f"


def test_users_have_fixed_ids() -> None:
    assert [run(part, "id", "-u").stdout.strip() for part in images.PARTS] == ["10000", "10001", "10002"]


def test_no_image_declares_a_volume() -> None:
    command = ["docker", "inspect", "--format", "{{.Config.Volumes}}", *images.references().values()]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert set(shown.split()) == {"map[]"}


def test_a_confined_python_has_threads_and_no_processes() -> None:
    shown = run("plugin", CONFINE, "python3", "-c", PYTHON)
    assert shown.stdout.split() == ["thread", "thread", "refused", "refused", "refused"], shown.stderr


def test_a_confined_node_has_workers_and_its_pool_and_no_processes() -> None:
    shown = run("plugin", CONFINE, "node", "-e", NODE)
    assert shown.stdout.split() == ["thread", "pool", "EPERM"], shown.stderr


def test_the_container_around_the_confined_program_still_forks() -> None:
    shown = run("plugin", "sh", "-c", f"{CONFINE} python3 -c 'print(1)' && sh -c 'true; echo forked'")
    assert shown.stdout.split() == ["1", "forked"], shown.stderr


def test_the_plugin_host_has_both_drivers_and_the_runner_its_languages() -> None:
    plugin = run("plugin", "sh", "-c", "python3 -c 'import psycopg' && node -e 'require(\"pg\")'")
    runner = run("runner", "sh", "-c", "python3 -V && node -v && bash -c : && curl -V && jq -V")
    assert (plugin.returncode, runner.returncode) == (0, 0), plugin.stderr + runner.stderr


def test_a_build_that_fails_says_why_and_leaves_no_image_and_no_container(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    context = tmp_path_factory.mktemp("broken")
    mark = f"no-{uuid.uuid4().hex}"
    (context / "Dockerfile").write_text(f"ARG BASE\nFROM ${{BASE}}\nRUN echo {mark} >&2 && false\n")
    reference = f"{images.REPOSITORY}/broken:{mark[-12:]}"
    with Builder(settings(), silent) as builder, pytest.raises(InfrastructureError, match=mark):
        builder.build(reference, context, {"BASE": images.references()["base"]})
    assert reference not in ping.image_references(images.REPOSITORY)
    listed = subprocess.run(
        ["docker", "ps", "-a", "--no-trunc", "--format", "{{.Command}}"], check=True, capture_output=True
    )
    assert mark.encode() not in listed.stdout
