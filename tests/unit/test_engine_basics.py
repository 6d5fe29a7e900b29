"""Labels, the installation's id, an engine that does not answer."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infra.components.labels import labels as program_labels
from infra.spec import PARTS, PartLimits, StackSpec
from sandbox_suite import engine
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.engine import inventory, labels


def test_the_pulumi_program_labels_as_the_rest_of_the_suite_reads() -> None:
    limits = dict.fromkeys(PARTS, PartLimits(cpus=1, memory_mb=64, pids=7, tmpfs_mb=8))
    spec = StackSpec("j1", "acme", "0a", "2026", {}, limits)
    assert program_labels(spec) == labels.labels("0a", "j1", "acme", "2026")
    assert program_labels(spec, "plugin") == {**labels.labels("0a", "j1", "acme", "2026", "plugin"), labels.PIDS: "7"}


def test_an_installation_gets_one_id_however_many_ask_at_once(tmp_path: Path) -> None:
    numbers = count()
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: engine.installation(tmp_path, lambda: f"id{next(numbers)}"), range(16)))
    assert len(found) == 1
    assert engine.installation(tmp_path) in found


@pytest.mark.parametrize("address", ["unix:///absent/docker.sock", "tcp://127.0.0.1:9"])
def test_an_engine_that_does_not_answer_is_told_with_its_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(InfrastructureError, match=f"Docker does not answer at {address}: ") as raised:
        engine.client(timeout=1)
    assert "DOCKER_HOST" in raised.value.explanation.remedy


def test_what_the_engine_lists_becomes_items() -> None:
    class Engine:
        def containers(self, **asked: Any) -> list[dict[str, Any]]:
            assert asked["filters"] == {"label": ["sandbox-suite.installation=0a", "sandbox-suite.job=j1"]}
            found = labels.labels("0a", "j1", "acme", "2026", "plugin")
            return [{"Names": ["/sbx-j1-plugin"], "Id": "1", "State": "running", "Labels": found}]

        def networks(self, **asked: Any) -> list[dict[str, Any]]:
            return [{"Name": "sbx-j1", "Id": "2", "IPAM": {"Config": [{"Subnet": "10.0.0.0/28"}]}, "Labels": None}]

        def volumes(self, **asked: Any) -> dict[str, Any]:
            return {"Volumes": None}

    found = inventory.items(Engine(), "0a", "j1")
    assert [str(one) for one in found] == ["container sbx-j1-plugin", "network sbx-j1"]
    assert (found[0].part, found[0].state, found[1].subnet) == ("plugin", "running", "10.0.0.0/28")
