"""plugin.pack and plugin.check, as the command line calls them."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.settings import CHECKOUT, settings
from sandbox_suite.tasks import plugin

EXAMPLE = str(CHECKOUT / "examples" / "plugins" / "customer-desk-node")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(settings(), home=tmp_path / "home")
    monkeypatch.setattr(plugin, "settings", lambda: own)


def checked(path: str) -> int:
    with pytest.raises(Exit) as caught:
        plugin.check_.body(Context(), path, json=True)
    return int(caught.value.code)


def test_pack_then_check_tell_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin.pack.body(Context(), EXAMPLE, out=str(tmp_path), json=True)
    packed = json.loads(capsys.readouterr().out)
    assert packed.keys() == {"path", "id", "version", "digest", "signer"}
    assert checked(packed["path"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["digest"], told["findings"]) == (packed["digest"], [])


def test_a_folder_with_mistakes_is_not_packed_and_checks_with_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "plugin.yaml").write_text("id: Bad\n")
    with pytest.raises(RequestError, match="3 mistakes"):
        plugin.pack.body(Context(), str(tmp_path / "bad"), out=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert checked(str(tmp_path / "bad")) == 2
    assert len(json.loads(capsys.readouterr().out)["findings"]) == 3


def test_the_task_module_imports_nothing_heavy() -> None:
    script = "import sys, sandbox_suite.tasks.plugin; print({'pydantic', 'cryptography', 'semver'} & set(sys.modules))"
    environment = {"PYTHONPATH": str(CHECKOUT / "src")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
