"""A sandbox as a job has it, made with the engine alone: what the tests of suites and verification look at."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_suite.core.files import write_atomic, write_json
from sandbox_suite.core.settings import CHECKOUT, Settings, load
from sandbox_suite.engine import labels
from sandbox_suite.plugins import package, signature
from sandbox_suite.sessions import holder
from sandbox_suite.toolchain import images

USERS = {"database": "postgres", "plugin": "powerx", "runner": "runner"}
TMPFS = "rw,noexec,nosuid,nodev,size=128m"
OWN = {
    "database": ("/data/run", 10000),
    "plugin": ("/var/lib/powerx/plugins", 10001),
}
LIMITS = {"cpus": 1.0, "memory_mb": 320, "pids": 90}
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
ROLE = SCHEMA = "plugin_customer_desk"
COUNT = {table: f"SELECT count(*) FROM dataset.{table}" for table in ("customers", "orders", "notes")}
DATASET = """
CREATE SCHEMA dataset;
CREATE TABLE dataset.customers (customer_id bigint PRIMARY KEY, full_name text, email text, phone text,
    national_id text, country text, locale text, birth_date date, address text, status text, created_at timestamp);
CREATE TABLE dataset.orders (order_id bigint PRIMARY KEY, customer_id bigint, customer_email text, sku text,
    amount_cents bigint, currency text, status text, ordered_at timestamp);
CREATE TABLE dataset.notes (note_id bigint PRIMARY KEY, customer_id bigint, author text, body text,
    created_at timestamp);
INSERT INTO dataset.customers SELECT i, (ARRAY['Anna Vogel', 'Zoë Noël', '王小明'])[1 + i % 3] || ' ' || i,
    'u' || i || '@example.com', '+49 30 ' || i, 'N-' || i, (ARRAY['DE', 'FR', 'CN'])[1 + i % 3], 'de', '1980-05-17',
    'Weg 1', (ARRAY['active', 'dormant'])[1 + i % 2], '2024-03-01' FROM generate_series(1, 400) AS i;
INSERT INTO dataset.orders SELECT i, 1 + i % 400, 'u' || 1 + i % 400 || '@example.com', 'SKU-1', 100 + i, 'EUR',
    (ARRAY['paid', 'refunded'])[1 + i % 2], timestamp '2024-01-01' + i % 365 * interval '1 day'
    FROM generate_series(1, 2000) AS i;
INSERT INTO dataset.notes SELECT i, 1 + i % 400, 'desk', 'Asked for a later delivery.', '2024-04-02'
    FROM generate_series(1, 400) AS i;
"""
READY = "until psql -XqAt -d sandbox -c SELECT >/dev/null 2>&1; do sleep 0.02; done"
DEPLOY = """
set -eu
cd /var/lib/powerx/plugins
umask 077
mkdir -p ID/run ID/package
cat >ID/run/package.pxp
tar --extract --gzip --file=ID/run/package.pxp --directory=ID/package
cd ID/package
MIGRATE >../run/migrations.log 2>&1
setsid CONFINE SERVE >../run/plugin.log 2>&1 &
echo $! >../run/plugin.pid
health="import urllib.request; urllib.request.urlopen('http://127.0.0.1:8086/healthz')"
until python3 -c "$health" 2>/dev/null; do sleep 0.05; done
"""


COMMANDS = {
    "python": ("python3 backend/migrate.py", "python3 backend/server.py"),
    "node": ("node backend/migrate.js", "node backend/server.js"),
}


@dataclass(frozen=True)
class Sandbox:
    """A sandbox, and the settings of the installation that it belongs to."""

    settings: Settings
    job: str

    @property
    def folder(self) -> Path:
        """Return the job's folder."""
        return self.settings.job(self.job)

    def container(self, part: str) -> str:
        """Return the name of a part's container."""
        return f"sbx-{self.job}-{part}"

    def shell(self, part: str, script: str, *options: str, given: bytes = b"") -> str:
        """Run a shell script in a part and return what it printed."""
        done = docker("exec", "-i", *options, self.container(part), "sh", "-c", script, given=given)
        return done.decode()


def docker(*arguments: str, given: bytes = b"") -> bytes:
    """Run the docker command line."""
    done = subprocess.run(["docker", *arguments], input=given, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@contextmanager
def sandbox(
    home: Path,
    *,
    hardening: Sequence[str] = HARDENED,
    network: Sequence[str] = ("--internal", "--opt=com.docker.network.bridge.inhibit_ipv4=true"),
    confine: str = "/usr/local/libexec/sandbox/confine",
    role: str = "LOGIN",
    language: str = "python",
) -> Iterator[Sandbox]:
    """Start and deploy a sandbox; the arguments leave out what confines it. Everything is removed after."""
    made = Sandbox(load(home / "none.yaml", {"SANDBOX_HOME": str(home)}), f"rrv{secrets.token_hex(4)}")
    try:
        _start(made, hardening, network)
        _deploy(made, confine, role, language)
        yield made
    finally:
        holder.stop(made.settings.runtime)
        subprocess.run(["docker", "rm", "--force", *map(made.container, USERS)], capture_output=True)
        subprocess.run(["docker", "network", "rm", f"sbx-{made.job}"], capture_output=True)
        shutil.rmtree(made.settings.runtime, ignore_errors=True)


def _start(made: Sandbox, hardening: Sequence[str], network: Sequence[str]) -> None:
    name, references = f"sbx-{made.job}", images.references()
    docker("network", "create", *network, name)
    subnet = json.loads(docker("network", "inspect", name))[0]["IPAM"]["Config"][0]["Subnet"]
    for part, user in USERS.items():
        tags = labels.labels("test", made.job, "acme", "2030-01-01T00:00:00Z", part)
        folders = [f"--tmpfs=/tmp:{TMPFS},mode=1777"]
        if part in OWN:
            path, owner = OWN[part]
            folders.append(f"--tmpfs={path}:{TMPFS},mode=0700,uid={owner},gid={owner}")
        command = ["start-database"] if part == "database" else ["sleep", "infinity"]
        docker(
            *("run", "--detach", "--init", f"--name={made.container(part)}", f"--hostname={part}", f"--user={user}"),
            *(f"--network={name}", f"--network-alias={part}", *folders, *hardening),
            *(f"--cpus={LIMITS['cpus']}", f"--memory={LIMITS['memory_mb']}m", f"--memory-swap={LIMITS['memory_mb']}m"),
            *(f"--pids-limit={LIMITS['pids']}", *(f"--label={key}={value}" for key, value in tags.items())),
            *(references[part], *command),
        )
    containers = {
        part: {"name": made.container(part), "id": "", "image": "", "user": user} for part, user in USERS.items()
    }
    outputs = {"job": made.job, "tenant": "acme", "network": name, "subnet": subnet, "containers": containers}
    write_json(made.folder / "outputs.json", outputs)


def _deploy(made: Sandbox, confine: str, role: str, language: str) -> None:
    password = secrets.token_urlsafe(24)
    write_atomic(made.settings.job_runtime(made.job) / "secrets" / "plugin_db_password", password.encode(), 0o600)
    made.shell("database", READY)
    statements = f"""{DATASET}
        CREATE ROLE {ROLE} {role} PASSWORD '{password}';
        GRANT CONNECT ON DATABASE sandbox TO {ROLE};
        CREATE SCHEMA {SCHEMA} AUTHORIZATION {ROLE};
        GRANT USAGE ON SCHEMA dataset TO {ROLE};
        GRANT SELECT ON ALL TABLES IN SCHEMA dataset TO {ROLE};"""
    made.shell("database", "psql -Xq -v ON_ERROR_STOP=1 -d sandbox", given=statements.encode())
    counts = {
        table: made.shell("database", f"psql -XqAt -d sandbox -c '{query}'").strip() for table, query in COUNT.items()
    }
    key = signature.signing_key(made.settings.home)
    packed = package.pack(CHECKOUT / f"examples/plugins/customer-desk-{language}", made.folder, key)
    plugin = package.verify(packed.path, signature.trusted(made.settings.home))
    dsn = f"postgres://{ROLE}:{password}@database:5432/sandbox?search_path={SCHEMA}"
    environment = (f"--env=POWERX_DB_DSN={dsn}", "--env=POWERX_BIND_ADDR=:8086", "--env=PYTHONDONTWRITEBYTECODE=1")
    migrate, serve = COMMANDS[language]
    script = DEPLOY.replace("ID", packed.id).replace("CONFINE", confine)
    script = script.replace("MIGRATE", migrate).replace("SERVE", serve)
    made.shell("plugin", script, *environment, given=packed.path.read_bytes())
    write_json(made.folder / "plan.json", _plan(made, plugin, counts))
    write_json(made.folder / "steps" / "load.json", {"made": {"proofs": counts, "writers": _writers(made)}})


def _writers(made: Sandbox) -> dict[str, list[str]]:
    query = "SELECT DISTINCT xmin FROM dataset."
    return {table: made.shell("database", f"psql -XqAt -d sandbox -c '{query}{table}'").split() for table in COUNT}


def _plan(made: Sandbox, plugin: package.Plugin, counts: dict[str, str]) -> dict[str, Any]:
    proofs = [
        {"table": table, "sql": COUNT[table], "expected": counts[table], "rows": int(counts[table])} for table in COUNT
    ]
    return {
        "job": made.job,
        "tenant": "acme",
        "plan": "smoke",
        "plugin": {
            "id": plugin.id,
            "version": plugin.version,
            "digest": plugin.digest,
            "package": str(plugin.package),
            "manifest": plugin.manifest.model_dump(mode="json"),
            "signer": plugin.signer,
        },
        "dataset": {
            "name": "customer-sample",
            "version": "2025-01",
            "digest": "sha256:" + "0" * 64,
            "proofs": proofs,
            "grants": {table: ["select"] for table in COUNT},
        },
        "limits": {part: dict(LIMITS) for part in USERS},
        "role": ROLE,
        "schema": SCHEMA,
    }
