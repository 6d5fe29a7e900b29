"""The pipelines in docs/guides/ci.md: they parse, their scripts too, and every task in them exists with its options."""

import inspect
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.tasks import namespace

GUIDE = (CHECKOUT / "docs" / "guides" / "ci.md").read_text()
GROOVY = re.findall(r"```groovy\n(.*?)```", GUIDE, re.S)[0]
YAML = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", GUIDE, re.S)]


def scripts() -> Iterator[str]:
    github, gitlab = YAML
    for step in github["jobs"]["sandbox"]["steps"]:
        if "run" in step:
            yield step["run"]
    yield from (*gitlab["sandbox"]["script"], *gitlab["sandbox"]["after_script"])
    for triple, single in re.findall(r"sh '''(.*?)'''|sh '([^'\n]*)'", GROOVY, re.S):
        yield triple or single


@pytest.mark.parametrize("script", list(scripts()))
def test_a_script_of_a_pipeline_is_one_that_a_shell_understands(script: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("script", list(scripts()))
def test_a_task_of_a_pipeline_exists_and_takes_the_options(script: str) -> None:
    collection: Any = namespace.build()
    for task, options in re.findall(r"\./invoke ([\w.-]+)([^>\n]*)", script):
        known = inspect.signature(collection[task].body).parameters
        assert {name.replace("-", "_") for name in re.findall(r"--([\w-]+)", options)} <= known.keys()


def test_both_pipelines_in_yaml_keep_the_report_whatever_the_verdict() -> None:
    github, gitlab = YAML
    after = [step for step in github["jobs"]["sandbox"]["steps"] if step.get("if") == "always()"]
    assert [step.get("name", step.get("uses")) for step in after] == ["Export the report", "actions/upload-artifact@v4"]
    assert gitlab["sandbox"]["artifacts"]["when"] == "always"
    assert gitlab["sandbox"]["artifacts"]["reports"]["junit"] == "sandbox-report/report/junit.xml"


def test_braces_of_the_jenkins_pipeline_close() -> None:
    depth = 0
    for char in re.sub(r"'''.*?'''|'[^'\n]*'|\"[^\"\n]*\"", "", GROOVY, flags=re.S):
        depth += {"{": 1, "[": 1, "(": 1, "}": -1, "]": -1, ")": -1}.get(char, 0)
        assert depth >= 0
    assert depth == 0
