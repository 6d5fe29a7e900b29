#!/usr/bin/python3
"""Module plugin_database: the role and the schema of a plugin, confined to each other (S-04)."""

from __future__ import annotations

from typing import Any

from ansible.module_utils import sandbox_psql
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: plugin_database
short_description: A role that can log in, and the one schema that it owns
description:
  - The role may connect to the database and own its schema. It may create neither roles nor databases.
options:
  database: {type: str, required: true, description: Name of the database.}
  role: {type: str, required: true, description: Name of the role.}
  schema: {type: str, required: true, description: Name of the schema it owns.}
  verifier: {type: str, required: true, description: SCRAM-SHA-256 verifier of its password.}
"""

RIGHTS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS"

LOOK = """
SELECT json_build_object(
  'role', r.rolname IS NOT NULL,
  'verifier', r.rolpassword,
  'confined', r.rolcanlogin AND NOT (r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolinherit OR r.rolreplication
    OR r.rolbypassrls) AND NOT EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid),
  'finds', EXISTS (SELECT FROM pg_db_role_setting WHERE setrole = r.oid AND setdatabase = 0
    AND setconfig = ARRAY['search_path=' || quote_ident({schema})]),
  'connects', r.oid IS NOT NULL AND has_database_privilege(r.oid, current_database(), 'CONNECT'),
  'owner', (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = {schema})
) FROM (SELECT) AS one LEFT JOIN pg_authid AS r ON r.rolname = {role}
"""


def look(database: str, role: str, schema: str) -> dict[str, Any]:
    """Return what stands."""
    literal = sandbox_psql.literal
    return sandbox_psql.value(database, LOOK.format(role=literal(role), schema=literal(schema)))


def wanted(role: str, schema: str, verifier: str) -> dict[str, Any]:
    """Return what `look` answers when nothing is left to do."""
    return {
        "role": True,
        "verifier": verifier,
        "confined": True,
        "finds": True,
        "connects": True,
        "owner": role,
    }


def statements(found: dict[str, Any], database: str, role: str, schema: str, verifier: str) -> str:
    """Return the SQL that leads from `found` to what is wanted."""
    name, place = sandbox_psql.identifier(role), sandbox_psql.identifier(schema)
    verb = "ALTER" if found["role"] else "CREATE"
    return "\n".join(
        [
            f"{verb} ROLE {name} WITH {RIGHTS} PASSWORD {sandbox_psql.literal(verifier)};",
            f"ALTER ROLE {name} SET search_path = {place};",
            f"GRANT CONNECT ON DATABASE {sandbox_psql.identifier(database)} TO {name};",
            f"CREATE SCHEMA IF NOT EXISTS {place} AUTHORIZATION {name};",
            f"ALTER SCHEMA {place} OWNER TO {name};",
        ]
    )


def main() -> None:
    """Do what the parameters say."""
    names = ("database", "role", "schema", "verifier")
    spec = {name: {"type": "str", "required": True} for name in names}
    spec["verifier"]["no_log"] = True
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    database, role, schema, verifier = (module.params[name] for name in names)
    try:
        found = look(database, role, schema)
        changed = found != wanted(role, schema, verifier)
        if changed and not module.check_mode:
            sandbox_psql.run(database, statements(found, database, role, schema, verifier))
    except (sandbox_psql.PsqlError, OSError) as error:
        module.fail_json(msg=f"the role {role} could not be made: {error}")
    module.exit_json(changed=changed, role=role, schema=schema)


if __name__ == "__main__":
    main()
