"""deploy: the plugin's role and schema, its migrations, its process."""

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox_suite.core.files import file_digest, write_atomic, write_json
from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.jobs.steps.converging import apply
from sandbox_suite.plugins.manifest import Manifest

DATABASE = "sandbox"
PASSWORD_BYTES = 32


def run(context: Context) -> dict[str, Any]:
    """Deploy the plugin; a running, healthy one of the same version is left alone."""
    plan = context.plan
    plugin, role, schema = plan["plugin"], plan["role"], plan["schema"]
    manifest = Manifest.model_validate(plugin["manifest"])
    folder = context.settings.job_runtime(context.job) / "secrets"
    password = _password(folder)
    environment = folder / "plugin_environment"
    given = _given(context, manifest, role, schema, password)
    # Compiled files would lie among the signed ones, and what runs must be what was signed (S-11).
    write_json(environment, {"PYTHONDONTWRITEBYTECODE": "1", **manifest.environment(given)}, 0o600)
    migrations = manifest.migrations
    return apply(
        context,
        "deploy-plugin",
        {
            "plugin_deploy_role": role,
            "plugin_deploy_schema": schema,
            "plugin_deploy_password_file": str(folder / "plugin_db_password"),
            "plugin_deploy_id": plugin["id"],
            "plugin_deploy_package": plugin["package"],
            "plugin_deploy_sha256": file_digest(Path(plugin["package"])),
            "plugin_deploy_environment_file": str(environment),
            "plugin_deploy_command": manifest.command,
            "plugin_deploy_migration_command": manifest.migration_command,
            "plugin_deploy_migration_workdir": migrations.workdir if migrations else ".",
            "plugin_deploy_migration_once": migrations.once if migrations else False,
            "plugin_deploy_migration_timeout": migrations.timeout if migrations else 60,
            "plugin_deploy_needs_fork": manifest.runtime.needs_fork,
            "plugin_deploy_health_url": f"http://127.0.0.1:{manifest.port}{manifest.health.http}",
            "plugin_deploy_health_request_timeout": manifest.health.timeout,
        },
    )


def _password(folder: Path) -> str:
    """Return the role's password, made once per sandbox; it lives in memory only (S-04)."""
    file = folder / "plugin_db_password"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(file, secrets.token_urlsafe(PASSWORD_BYTES).encode(), 0o600)
    return file.read_text()


def _given(context: Context, manifest: Manifest, role: str, schema: str, password: str) -> dict[str, str]:
    """Return what the host gives every plugin."""
    where = f"database:5432/{DATABASE}?search_path={quote(schema)}"
    return {
        "POWERX_DB_DSN": f"postgres://{quote(role)}:{quote(password)}@{where}",
        "POWERX_BIND_ADDR": f":{manifest.port}",
        "POWERX_TENANT": context.request.tenant,
        "POWERX_DATASET_SCHEMA": "dataset",
    }
