#!/usr/bin/python3
"""Module report_fetch: pack what a part left, and its metrics, for the action of the same name."""

from __future__ import annotations

import glob
import io
import json
import os
import tarfile
import time
from typing import Any

from ansible.module_utils import sandbox_psql
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: report_fetch
short_description: Fetches results, logs and metrics of a part
description:
  - Results and logs are packed as they are; metrics are taken once for each run id.
options:
  part: {type: str, required: true, description: Name of the part.}
  sources: {type: dict, default: {}, description: Folder below the artifacts -> patterns of files.}
  artifacts: {type: path, description: Folder on the controller; for the action.}
  run_id: {type: str, required: true, description: Id of the regression's run.}
  database: {type: str, description: Database to measure.}
  archive: {type: path, description: The archive to write; given by the action.}
"""

LARGEST = 64 << 20  # bytes of one file; the rest is left behind
SNAPSHOT = "/tmp/.sandbox-metrics.json"
# The two layouts of control groups: (file, factor to microseconds or bytes).
COUNTERS = {
    "cpu_us": (("cpu.stat", 1), ("cpuacct/cpuacct.usage", 0.001)),
    "memory_bytes": (("memory.current", 1), ("memory/memory.usage_in_bytes", 1)),
    "memory_peak_bytes": (("memory.peak", 1), ("memory/memory.max_usage_in_bytes", 1)),
    "processes": (("pids.current", 1), ("pids/pids.current", 1)),
}
STATEMENTS = """
SELECT json_build_object(
  'size_bytes', pg_database_size(current_database()),
  'commits', (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
  'rollbacks', (SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()),
  'statements', (SELECT coalesce(json_agg(top), '[]') FROM (
    SELECT r.rolname AS role, left(s.query, 1000) AS query, s.calls, s.rows,
      round(s.total_exec_time::numeric, 3) AS total_ms, round(s.mean_exec_time::numeric, 3) AS mean_ms,
      round(s.max_exec_time::numeric, 3) AS max_ms
    FROM pg_stat_statements AS s JOIN pg_roles AS r ON r.oid = s.userid JOIN pg_database AS d ON d.oid = s.dbid
    WHERE d.datname = current_database() ORDER BY s.total_exec_time DESC LIMIT 25) AS top)
)
"""
# Columns of the plugin's schemas that are named like secrets: rows, those whose form only a cipher or a slow hash has,
# and those that are plainly text. The counting is done where the values are; none of them leaves the database.
SEALED = (
    r"^([$](argon2|2[abxy][$]|scrypt|pbkdf2|[56y][$])|(argon2|bcrypt|scrypt|pbkdf2)[_:$]|SCRAM-SHA-256[$]"
    r"|enc[:[]|vault:v|gAAAA|AQICAH|-----BEGIN PGP MESSAGE|age-encryption|\\x(c[13]|8[45])"
    r"|eyJ[A-Za-z0-9_-]+([.][A-Za-z0-9_-]*){4}$)"
)
NAMED = "(password|passwd|secret|token|credential|(api|access|private|signing)_?key)"
SECRETS = rf"""
SELECT coalesce(json_agg(json_build_object('column', place,
    'rows', (xpath('//n/text()', told))[1]::text::bigint, 'sealed', (xpath('//sealed/text()', told))[1]::text::bigint,
    'plain', (xpath('//plain/text()', told))[1]::text::bigint)), '[]')
FROM (
  SELECT a.attrelid::regclass || '.' || a.attname AS place, query_to_xml(format(
      $query$SELECT count(v) AS n, count(v) FILTER (WHERE v ~ %1$L) AS sealed,
        count(v) FILTER (WHERE v !~ %1$L AND (length(v) < 20 OR v ~ '[[:space:]]' OR v !~ '[0-9]')) AS plain
      FROM (SELECT nullif(%2$I::text, '') AS v FROM %3$s LIMIT 10000) AS held$query$,
      $sealed${SEALED}$sealed$, a.attname, a.attrelid::regclass), false, true, '') AS told
  FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_roles AS r ON r.oid = n.nspowner
  WHERE r.rolname NOT IN ('postgres', 'pg_database_owner') AND c.relkind IN ('r', 'p') AND a.attnum > 0
    AND NOT a.attisdropped AND a.attname ~* '{NAMED}'
    AND a.atttypid::regtype::text IN ('text', 'character varying', 'character', 'bytea', 'json', 'jsonb')
  ORDER BY 1 LIMIT 200) AS looked
"""  # noqa: S608 - made of the constants above
SECONDS = 5  # a plugin may hold a lock on its tables for ever


def counter(root: str, candidates: tuple[tuple[str, float], ...]) -> int | None:
    """Return a counter of the container's control group; None where the kernel keeps none."""
    for name, factor in candidates:
        try:
            with open(os.path.join(root, name)) as file:
                words = file.read().split()
        except OSError:
            continue
        text = words[words.index("usage_usec") + 1] if "usage_usec" in words else words[0]
        return round(int(text) * factor)
    return None


def stored(database: str) -> Any:
    """Return what is held in columns that are named like secrets; None where that could not be seen in time."""
    try:
        return sandbox_psql.value(database, f"SET LOCAL statement_timeout = '{SECONDS}s';{SECRETS}")
    except sandbox_psql.PsqlError:
        return None


def metrics(part: str, run_id: str, database: str | None) -> dict[str, Any]:
    """Return the metrics of a part, those of this run where they were taken already."""
    try:
        with open(SNAPSHOT) as file:
            kept = json.load(file)
    except (FileNotFoundError, ValueError):
        kept = {}
    if kept.get("run_id") == run_id:
        return kept
    taken = {"part": part, "run_id": run_id, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    taken.update({name: counter("/sys/fs/cgroup", candidates) for name, candidates in COUNTERS.items()})
    if database:
        taken["database"] = {
            **sandbox_psql.value(database, STATEMENTS),
            "secrets": stored(database),
        }
    with open(SNAPSHOT, "w") as file:
        json.dump(taken, file)
    return taken


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file to the archive."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def pack(archive: str, sources: dict[str, list[str]], measured: dict[str, Any]) -> None:
    """Write the archive."""
    with tarfile.open(archive, "w") as tar:
        for folder, patterns in sources.items():
            for path in sorted({path for pattern in patterns for path in glob.glob(pattern)}):
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as file:
                        add(tar, f"{folder}/{os.path.basename(path)}", file.read(LARGEST))
        add(tar, f"metrics/{measured['part']}.json", json.dumps(measured, indent=2, sort_keys=True).encode())


def main() -> None:
    """Do what the parameters say."""
    spec = {
        "sources": {"type": "dict", "default": {}},
        "database": {"type": "str"},
        "archive": {"type": "path", "required": True},
        **{name: {"type": "str", "required": True} for name in ("part", "run_id")},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    given = module.params
    try:
        pack(given["archive"], given["sources"], metrics(given["part"], given["run_id"], given["database"]))
    except (sandbox_psql.PsqlError, OSError) as error:
        module.fail_json(msg=f"what {given['part']} left could not be packed: {error}")
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
