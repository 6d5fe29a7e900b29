"""The spec of a sandbox: round trip, mistakes, what a plan says of it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.stacks.spec import PARTS, PartLimits, StackSpec, check, describe

LIMITS = PartLimits(cpus=0.5, memory_mb=256, pids=100, tmpfs_mb=64)
SPEC = StackSpec(
    job="j1",
    tenant="acme",
    installation="0a1b",
    expires_at="2026-01-01T00:00:00.000Z",
    images={part: f"{part}:1" for part in PARTS},
    parts=dict.fromkeys(PARTS, LIMITS),
)


def changed(**values: Any) -> StackSpec:
    return dataclasses.replace(SPEC, **values)


def test_a_spec_survives_json_inline_and_in_a_file(tmp_path: Path) -> None:
    spec = changed(subnet="10.0.0.0/28")
    text = json.dumps(spec.as_dict())
    file = tmp_path / "spec.json"
    file.write_text(text)
    assert StackSpec.read(text) == spec
    assert StackSpec.read(str(file)) == spec


def test_a_good_spec_passes() -> None:
    check(SPEC)


def test_every_mistake_is_named_at_once() -> None:
    spec = changed(
        job="Job 1",
        tenant="",
        images={"database": "database:1", "cache": "cache:1"},
        parts={"database": dataclasses.replace(LIMITS, cpus=0, memory_mb=4), "plugin": LIMITS},
        subnet="10.0.0.1/28",
    )
    with pytest.raises(RequestError) as raised:
        check(spec)
    assert raised.value.explanation.what.splitlines() == [
        "job `Job 1`: lower-case letters, digits and `-`, at most 40",
        "`tenant` is empty",
        "part `database`: `cpus` must be above zero",
        "part `database`: `memory_mb` must be at least 6",
        "part `plugin` has no image",
        "part `runner` has no image",
        "part `runner` has no limits",
        "unknown part `cache`",
        "subnet: 10.0.0.1/28 has host bits set",
    ]


def test_a_plan_names_what_would_be_created() -> None:
    assert describe(SPEC) == [
        "network sbx-j1 (a free subnet, no way out)",
        "container sbx-j1-database from database:1: 0.5 CPUs, 256 MB, 100 processes, 64 MB in memory",
        "container sbx-j1-plugin from plugin:1: 0.5 CPUs, 256 MB, 100 processes, 64 MB in memory",
        "container sbx-j1-runner from runner:1: 0.5 CPUs, 256 MB, 100 processes, 64 MB in memory",
    ]


def test_a_plan_shows_what_a_policy_takes_from_the_hardening() -> None:
    loose = dataclasses.replace(LIMITS, read_only=False, cap_drop=("NET_RAW",), no_new_privileges=False, network="none")
    line = describe(changed(parts={**SPEC.parts, "runner": loose}))[3]
    assert line.endswith("(writable root, drops only NET_RAW capabilities, may gain privileges, no network)")
