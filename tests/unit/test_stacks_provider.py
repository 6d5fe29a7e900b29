"""The rules of the embedded Docker provider: what is refused, what a change means, what the engine is told."""

from typing import Any

import pytest

from sandbox_suite.stacks.docker_provider import inputs as rules
from sandbox_suite.stacks.docker_provider.container_body import body
from sandbox_suite.stacks.docker_provider.tables import CONTAINER, NETWORK, TABLES
from sandbox_suite.stacks.docker_provider.values import OUTPUT, SECRET, SIGNATURE, UNKNOWN, plain, to_python, to_struct

TOKEN = "docker:index/container:Container"
SMALL = {"name": "one", "image": "busybox"}


def test_what_the_provider_does_not_know_is_refused_all_of_it_at_once() -> None:
    asked = {"name": "one", "ports": [], "gpus": "all", "volumes": [{"containerPath": "/x", "fromContainer": "two"}]}
    assert [name for name, _ in rules.refused(TOKEN, asked)] == ["image", "gpus", "ports", "volumes"]
    assert dict(rules.refused(TOKEN, asked))["ports"] == (
        "the embedded Docker provider has no input `ports`; the official provider (SANDBOX_PROVIDER=official) has it"
    )


def test_an_unknown_resource_is_refused_and_an_unknown_value_is_not() -> None:
    assert [name for name, _ in rules.refused("docker:index/service:Service", {})] == [""]
    assert not list(rules.refused(TOKEN, {**SMALL, "networksAdvanced": UNKNOWN, "labels": [UNKNOWN]}))


def test_marks_of_the_official_provider_in_a_state_are_no_inputs() -> None:
    marked = {**SMALL, "__defaults": ["name"]}
    assert not list(rules.refused(TOKEN, marked))
    assert rules.changes(CONTAINER, marked, SMALL) == []


def test_an_image_is_looked_up_only_when_it_is_to_stay() -> None:
    token = "docker:index/remoteImage:RemoteImage"
    assert not list(rules.refused(token, {"name": "busybox", "keepLocally": True}))
    assert [name for name, _ in rules.refused(token, {"name": "busybox"})] == ["keepLocally"]
    assert [name for name, _ in rules.refused(token, {"name": "busybox", "keepLocally": False})] == ["keepLocally"]


@pytest.mark.parametrize(
    ("name", "value", "replaces"),
    [
        ("memory", 9, False),
        ("restart", "always", False),
        ("mustRun", False, False),
        ("user", "me", True),
        ("tmpfs", {}, True),
    ],
)
def test_a_change_replaces_what_cannot_be_changed_in_place(name: str, value: Any, replaces: bool) -> None:
    assert rules.changes(CONTAINER, SMALL, {**SMALL, name: value}) == [rules.Change(name, "add", replaces)]
    assert rules.changes(CONTAINER, {**SMALL, name: value}, SMALL) == [rules.Change(name, "delete", replaces)]


def test_what_is_to_be_ignored_is_no_change() -> None:
    assert rules.changes(NETWORK, {"name": "a"}, {"name": "b"}, ["name"]) == []


def test_every_input_is_of_one_kind_and_what_is_required_is_known() -> None:
    for table in TABLES.values():
        assert not table.replaces & table.updates
        assert not (table.replaces | table.updates) & table.settings
        assert table.required <= table.inputs
        assert set(table.nested) <= table.inputs


def test_every_input_of_the_tables_is_one_of_the_sdks() -> None:
    import pulumi_docker

    for token, table in TABLES.items():
        kind = getattr(pulumi_docker, token.rpartition(":")[2])
        known = {"".join([name.split("_")[0], *map(str.title, name.split("_")[1:])]) for name in dir(kind)}
        assert table.inputs <= known | {"ipv6"}, token


def test_values_lose_pulumis_marks_and_whole_numbers_are_int_again() -> None:
    value = {"n": 3.0, "x": 0.5, "s": {SIGNATURE: SECRET, "value": [1.0]}, "o": {SIGNATURE: OUTPUT}}
    assert plain(value) == {"n": 3, "x": 0.5, "s": [1], "o": UNKNOWN}
    assert to_python(to_struct({"n": 3, "none": None, "l": ["a"]})) == {"n": 3, "l": ["a"]}


def test_the_engine_is_told_every_limit() -> None:
    found = body(
        {
            **SMALL,
            "cpus": "1.5",
            "memory": 256,
            "memorySwap": -1,
            "shmSize": 64,
            "capabilities": {"drops": ["ALL"]},
            "labels": [{"label": "sandbox-suite.pids", "value": "80"}],
            "networkMode": "net",
            "networksAdvanced": [{"name": "other"}, {"name": "net", "aliases": ["db"], "ipv4Address": "10.0.0.2"}],
            "ulimits": [{"name": "nofile", "soft": 10, "hard": 20}],
            "volumes": [{"volumeName": "v", "containerPath": "/v", "readOnly": True}],
        },
        "urn:1",
    )
    assert found == {
        "Image": "busybox",
        "Labels": {"sandbox-suite.pids": "80", "pulumi.urn": "urn:1"},
        "HostConfig": {
            "NanoCpus": 1_500_000_000,
            "Memory": 256 << 20,
            "MemorySwap": -1,
            "ShmSize": 64 << 20,
            "CapDrop": ["ALL"],
            "PidsLimit": 80,
            "NetworkMode": "net",
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}],
            "Binds": ["v:/v:ro"],
        },
        "NetworkingConfig": {
            "EndpointsConfig": {"net": {"Aliases": ["db"], "IPAMConfig": {"IPv4Address": "10.0.0.2"}}}
        },
    }
