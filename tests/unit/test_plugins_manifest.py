"""plugin.yaml: what is checked, what is kept, how its values are filled in."""

from pathlib import Path

import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.plugins import expansion, manifest, versions

EVERYTHING = Path(__file__).with_name("test_plugins_everything.yaml").read_text()
SMALL = "id: com.example.small\nversion: 1.0.0\nruntime: {kind: process, entry: python3}\n"


def test_a_large_manifest_loads_and_keeps_the_keys_it_does_not_know() -> None:
    read = manifest.parse(EVERYTHING)
    assert read.model_extra is not None
    assert {"frontend", "agents", "tools", "events", "catalogs", "rbac", "routes"} <= read.model_extra.keys()
    assert read.runtime.model_extra == {"restart": {"policy": "on-failure", "max": 5}}
    assert read.health.interval == 0.5
    assert read.migrations is not None
    assert (read.migrations.once, read.migrations.timeout, read.migration_command) == (
        True,
        120.0,
        ["./backend/bin/migrate", "up"],
    )
    assert read.command == ["backend/bin/plugin", "--port", "0", "--verbose"]


def test_a_manifest_survives_being_kept_as_json() -> None:
    read = manifest.parse(EVERYTHING)
    again = manifest.Manifest.model_validate(read.model_dump(mode="json"))
    assert again.dependencies == read.dependencies
    assert again.runtime == read.runtime
    assert again.migrations == read.migrations


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    broken = """\
id: Customer Desk
version: "1.2"
runtime:
  kind: container
  entry: ../outside
  args: python3
  env: {2FA: x, OK: {deep: 1}}
  health: {http: healthz, interval: soon}
backend: {port: 70000}
migrations: {workdir: /etc}
permissions:
  - {resource: "", actions: []}
dependencies: {requires: [base newest]}
checksums: {package_sha256: abc}
"""
    with pytest.raises(RequestError) as caught:
        manifest.parse(broken)
    told = caught.value.explanation.what
    for line, field in (
        (1, "id"),
        (2, "version"),
        (4, "runtime.kind"),
        (5, "runtime.entry"),
        (6, "runtime.args"),
        (7, "runtime.env"),
        (8, "runtime.health.http"),
        (8, "runtime.health.interval"),
        (9, "backend.port"),
        (10, "migrations.entry"),
        (10, "migrations.workdir"),
        (12, "permissions.0.resource"),
        (12, "permissions.0.actions"),
        (13, "dependencies.requires.0"),
        (14, "checksums.package_sha256"),
    ):
        assert f"plugin.yaml:{line}: {field}: " in told


@pytest.mark.parametrize(
    "text", ["", "[]", "just words", "a: b: c", "id: x\nid: y", "released: 2025-13-45", "? [a]\n: b"]
)
def test_what_is_no_manifest_is_a_wrong_request(text: str) -> None:
    with pytest.raises(RequestError):
        manifest.parse(text)


@pytest.mark.parametrize("declared", ["[api.example.com]", "{allow: [api.example.com]}", "api.example.com"])
def test_an_outbound_allow_list_is_refused_until_it_is_built(declared: str) -> None:
    with pytest.raises(RequestError, match="S-02"):
        manifest.parse(f"{SMALL}outbound: {declared}\n")


def test_keys_with_nothing_after_them_are_absent() -> None:
    read = manifest.parse(f"{SMALL}dependencies:\nmigrations:\noutbound:\n")
    assert read.dependencies.requires == ()
    assert read.migration_command == []


def test_the_environment_is_filled_in_from_what_is_given() -> None:
    given = {"POWERX_DB_DSN": "postgres://db", "POWERX_TENANT": "acme", "HOME": "/root", "TENANT": ""}
    filled = manifest.parse(EVERYTHING).environment(given)
    assert filled["POWERX_BIND_ADDR"] == ":8086", "the host allocates where the port is 0"
    assert filled["POWERX_DB_DSN"] == "postgres://db"
    assert filled["WAREHOUSE_LANGUAGE"] == "zh-CN"
    assert filled["WAREHOUSE_TOKEN_SECRET"] == ""
    assert filled["WAREHOUSE_HOME"] == "/root/warehouse/none"
    assert (filled["WAREHOUSE_BATCH"], filled["WAREHOUSE_STRICT"]) == ("250", "true")
    assert filled["POWERX_PLUGIN_ID"] == "com.example.plugins.warehouse"
    assert filled["POWERX_TENANT"] == "acme", "the host's own names always reach the plugin"
    assert "HOME" not in filled, "what the manifest does not ask for stays outside"


def test_a_declared_port_is_the_one_listened_on() -> None:
    assert manifest.parse(f"{SMALL}backend: {{port: 9000}}").environment({})["POWERX_BIND_ADDR"] == ":9000"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("${A}", "1"), ("${B:-2}", "2"), ("${A:-2}", "1"), ("x${B}y", "xy"), ("$A", "$A"), ("${B:-a:-b}", "a:-b")],
)
def test_references_are_expanded_as_a_shell_does(value: str, expected: str) -> None:
    assert expansion.expand(value, {"A": "1"}) == expected


@pytest.mark.parametrize(
    ("constraint", "allowed", "refused"),
    [
        ("com.x.a >=0.5.0", "0.5.0", "0.4.9"),
        ("com.x.a >=0.5.0,<1.0.0", "0.9.9", "1.0.0"),
        ("com.x.a ^1.2", "1.9.0", "2.0.0"),
        ("com.x.a ^0.2.1", "0.2.9", "0.3.0"),
        ("com.x.a ~1.2.3", "1.2.9", "1.3.0"),
        ("com.x.a 1.2.3", "1.2.3", "1.2.4"),
        ("com.x.a != 1.2.3", "1.2.4", "1.2.3"),
        ("com.x.a >=1.0.0", "1.0.0", "1.0.0-rc.1"),
    ],
)
def test_version_constraints(constraint: str, allowed: str, refused: str) -> None:
    parsed = versions.parse(constraint)
    assert parsed.allows(allowed)
    assert not parsed.allows(refused)
    assert versions.parse(str(parsed)) == parsed


def test_a_plugin_without_version_means_any() -> None:
    assert versions.parse("com.x.a").allows("0.0.1")
    assert versions.parse("com.x.a *").allows("9.0.0")
