#!/usr/bin/python3
"""Module dataset_proof: compare what a database holds with what was attested."""

from __future__ import annotations

from ansible.module_utils import sandbox_psql
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: dataset_proof
short_description: Proves that a database holds a dataset
description:
  - Runs every query and compares its one value; all differences are told at once. Changes nothing.
  - Tells which transactions wrote the rows of each table, in the same snapshot. They have ended, so whatever is written
    after the proof is written by others.
options:
  database: {type: str, required: true, description: Name of the database.}
  schema: {type: str, required: true, description: Schema of the tables.}
  proofs:
    type: list
    elements: dict
    required: true
    description: What to compare.
    suboptions:
      table: {type: str, required: true, description: Name of the table.}
      sql: {type: str, required: true, description: Query that gives one value.}
      expected: {type: str, required: true, description: The value it must give.}
"""

WRITERS = "SELECT string_agg(DISTINCT xmin::text, ',') FROM ONLY {0}"


def query(schema: str, proofs: list[dict[str, str]]) -> str:
    """Return one query for the values of all, and the writers of all: one statement sees one snapshot."""
    values = ", ".join("(" + proof["sql"].rstrip().rstrip(";") + ")::text" for proof in proofs)
    names = [sandbox_psql.identifier(proof["table"]) for proof in proofs]
    tables = [f"{sandbox_psql.identifier(schema)}.{name}" for name in names]
    writers = ", ".join("(" + WRITERS.format(table) + ")" for table in tables)
    return f"SELECT json_build_array(json_build_array({values}), json_build_array({writers}))"


def differences(proofs: list[dict[str, str]], found: list[str | None]) -> list[str]:
    """Return one line for each table that is not what was attested."""
    return [
        f"table {proof['table']}: expected {proof['expected']}, found {value}"
        for proof, value in zip(proofs, found, strict=True)
        if value != proof["expected"]
    ]


def main() -> None:
    """Do what the parameters say."""
    proof = {name: {"type": "str", "required": True} for name in ("table", "sql", "expected")}
    spec = {
        "database": {"type": "str", "required": True},
        "schema": {"type": "str", "required": True},
        "proofs": {"type": "list", "elements": "dict", "required": True, "options": proof},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    proofs = module.params["proofs"]
    try:
        found, writers = sandbox_psql.value(module.params["database"], query(module.params["schema"], proofs))
    except (sandbox_psql.PsqlError, OSError) as error:
        module.fail_json(msg=f"the dataset could not be proved: {error}")
    wrong = differences(proofs, found)
    if wrong:
        module.fail_json(msg="the database does not hold the attested dataset:\n" + "\n".join(wrong))
    proved = {proof["table"]: value for proof, value in zip(proofs, found, strict=True)}
    proved |= {f"written:{proof['table']}": by or "" for proof, by in zip(proofs, writers, strict=True)}
    module.exit_json(changed=False, sandbox_proved=proved)


if __name__ == "__main__":
    main()
