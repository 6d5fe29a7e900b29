#!/usr/bin/python3
"""Module dataset_grant: a role's rights on the dataset's tables, exactly those given."""

from __future__ import annotations

import time
from typing import Any

from ansible.module_utils import sandbox_psql
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: dataset_grant
short_description: Gives a role exactly these rights on a schema's tables
description:
  - Rights on other tables of the schema, and other rights on these, are taken away.
  - Waits for the role, which may be made at the same time, for at most I(wait) seconds.
options:
  database: {type: str, required: true, description: Name of the database.}
  schema: {type: str, required: true, description: The schema.}
  role: {type: str, required: true, description: The role.}
  grants: {type: dict, required: true, description: Table -> list of privileges.}
  wait: {type: float, default: 30, description: Seconds to wait for the role.}
"""

Rights = set[tuple[str, str]]  # (table, privilege)
PRIVILEGES = ("select", "insert", "update", "delete")

LOOK = """
SELECT json_build_object(
  'tables', (SELECT coalesce(json_agg(relname), '[]') FROM pg_class
    WHERE relnamespace = to_regnamespace({space}) AND relkind IN ('r', 'p', 'v', 'm')),
  'usage', has_schema_privilege({role}, {space}, 'USAGE'),
  'held', (SELECT coalesce(json_agg(json_build_array(c.relname, lower(a.privilege_type))), '[]')
    FROM pg_class AS c, aclexplode(c.relacl) AS a
    WHERE c.relnamespace = to_regnamespace({space}) AND a.grantee = {role}::regrole)
)
"""


def look(database: str, schema: str, role: str) -> dict[str, Any]:
    """Return the schema's tables, and what the role may do."""
    quoted = {
        "space": sandbox_psql.literal(sandbox_psql.identifier(schema)),
        "role": sandbox_psql.literal(sandbox_psql.identifier(role)),
    }
    # has_schema_privilege takes names unquoted, the casts take them quoted.
    usage = "has_schema_privilege({role}, {space}, 'USAGE')"
    plain = f"has_schema_privilege({sandbox_psql.literal(role)}, {sandbox_psql.literal(schema)}, 'USAGE')"
    return sandbox_psql.value(database, LOOK.replace(usage, plain).format(**quoted))


def look_when_there(database: str, schema: str, role: str, seconds: float) -> dict[str, Any]:
    """Look as soon as the role is there."""
    try:
        return look(database, schema, role)
    except sandbox_psql.PsqlError:
        until = time.monotonic() + seconds
        while not exists(database, role) and time.monotonic() < until:
            time.sleep(sandbox_psql.POLL_SECONDS)
    # Again in any case: the role may have come right after the first look, which says nothing then.
    return look(database, schema, role)


def exists(database: str, role: str) -> bool:
    """Say whether there is a role."""
    name = sandbox_psql.literal(sandbox_psql.identifier(role))
    return bool(sandbox_psql.value(database, f"SELECT to_json(to_regrole({name}) IS NOT NULL)"))


def pairs(grants: dict[str, list[str]]) -> set[tuple[str, str]]:
    """Return the rights as (table, privilege)."""
    return {(table, privilege.lower()) for table, privileges in grants.items() for privilege in privileges}


def mistakes(grants: dict[str, list[str]], tables: list[str]) -> list[str]:
    """Return one line for each grant that cannot be given."""
    unknown = [f"there is no table {table}" for table in sorted(set(grants) - set(tables))]
    odd = sorted({privilege for _, privilege in pairs(grants)} - set(PRIVILEGES))
    return unknown + [f"{privilege} is none of {', '.join(PRIVILEGES)}" for privilege in odd]


def statements(schema: str, role: str, wanted: Rights, held: Rights, usage: bool) -> list[str]:
    """Return the SQL that leads from the rights held to those wanted."""
    name, space = sandbox_psql.identifier(role), sandbox_psql.identifier(schema)
    lines = [] if usage else [f"GRANT USAGE ON SCHEMA {space} TO {name};"]
    for verb, word, rights in (("REVOKE", "FROM", held - wanted), ("GRANT", "TO", wanted - held)):
        for table, privilege in sorted(rights):
            lines.append(f"{verb} {privilege} ON {space}.{sandbox_psql.identifier(table)} {word} {name};")
    return lines


def main() -> None:
    """Do what the parameters say."""
    spec = {name: {"type": "str", "required": True} for name in ("database", "schema", "role")}
    more = {"grants": {"type": "dict", "required": True}, "wait": {"type": "float", "default": 30.0}}
    module = AnsibleModule(argument_spec={**spec, **more}, supports_check_mode=True)
    database, schema, role, grants = (module.params[name] for name in ("database", "schema", "role", "grants"))
    try:
        found = look_when_there(database, schema, role, module.params["wait"])
        wrong = mistakes(grants, found["tables"])
        if wrong:
            module.fail_json(msg="the plan's grants cannot be given:\n" + "\n".join(wrong))
        held = {tuple(pair) for pair in found["held"]}
        lines = statements(schema, role, pairs(grants), held, found["usage"])
        if lines and not module.check_mode:
            sandbox_psql.run(database, "\n".join(lines))
    except (sandbox_psql.PsqlError, OSError) as error:
        module.fail_json(msg=f"the role {role} was given no rights: {error}")
    module.exit_json(changed=bool(lines), statements=lines)


if __name__ == "__main__":
    main()
