"""ansible.cfg, the runner's environment and the inventory say the same."""

import configparser
import os
from pathlib import Path

import pytest

from sandbox_suite.converge import context, playing, runner
from sandbox_suite.converge.configuration import SETTINGS, config_text, environment
from sandbox_suite.core.settings import CHECKOUT


def parsed(text: str) -> dict[tuple[str, str], str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return {(section, key): value for section in parser.sections() for key, value in parser[section].items()}


def test_ansible_cfg_has_the_values_that_the_runner_sets() -> None:
    assert parsed((CHECKOUT / "ansible.cfg").read_text()) == parsed(config_text())


def test_each_variable_is_the_one_that_ansible_reads_for_the_setting() -> None:
    import yaml
    from ansible.plugins.doc_fragments.shell_common import ModuleDocFragment

    root = Path(__import__("ansible").__file__).parent
    base = yaml.safe_load((root / "config" / "base.yml").read_text())
    base |= yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    known = {
        (place["section"], place["key"]): {variable["name"] for variable in entry.get("env") or ()}
        for entry in base.values()
        for place in entry.get("ini") or ()
    }
    for setting in SETTINGS:
        assert setting.variable in known[setting.section, setting.key], setting.key


def test_every_path_of_the_settings_exists() -> None:
    for setting in SETTINGS:
        assert not setting.path or Path(setting.absolute(CHECKOUT)).exists(), setting.key


def test_the_environment_names_the_interpreters_programs_first_and_a_locale_that_ansible_bears() -> None:
    values = environment()
    assert (Path(values["PATH"].split(os.pathsep)[0]) / "ansible-playbook").exists()
    assert values["LC_ALL"] == "C.UTF-8"


def test_what_ansible_runner_copied_from_our_environment_is_left_out() -> None:
    ours = {"HOME": "/root", "TOKEN": "t", "ANSIBLE_FORKS": "9", "LC_ALL": "C.UTF-8"}
    theirs = {**ours, "AWX_ISOLATED_DATA_DIR": "/x", "ANSIBLE_STDOUT_CALLBACK": "awx_display"}
    assert playing.bare(theirs, ours, {"LC_ALL"}).keys() == {
        "AWX_ISOLATED_DATA_DIR",
        "ANSIBLE_STDOUT_CALLBACK",
        "LC_ALL",
    }


def test_the_command_by_hand_can_be_pasted() -> None:
    shown = runner.by_hand(CHECKOUT / "playbooks/deploy-plugin.yml", "j1", Path("/home/q a/vars/deploy.json"))
    assert shown == (
        "SANDBOX_JOB=j1 .venv/bin/ansible-playbook -i inventories/sandbox playbooks/deploy-plugin.yml"
        " -e '@/home/q a/vars/deploy.json'"
    )


def test_a_context_survives_its_variables() -> None:
    made = context.Context(Path("/x/audit.jsonl"), "j1", "deploy", 2, "qa", "acme", "because", Path("/x/secrets"))
    assert context.from_environment(made.variables()) == made


def test_without_a_job_there_is_no_context() -> None:
    assert context.from_environment({}) is None


def test_by_hand_a_context_is_completed_from_the_jobs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandbox_suite.core.settings import load

    place = load(tmp_path / "none.yaml", {"SANDBOX_HOME": str(tmp_path)})
    monkeypatch.setattr(context, "settings", lambda: place)
    (tmp_path / "jobs/j1").mkdir(parents=True)
    (tmp_path / "jobs/j1/outputs.json").write_text('{"tenant": "acme"}')
    made = context.from_environment({"SANDBOX_JOB": "j1", "SANDBOX_ACTOR": "ops"})
    assert made
    assert (made.step, made.attempt, made.tenant) == ("by-hand", 0, "acme")
    assert made.log == tmp_path / "jobs/j1/audit.jsonl"


def test_the_redactor_hides_every_secret_of_the_job_and_those_inside_an_environment(tmp_path: Path) -> None:
    (tmp_path / "plugin_db_password").write_text("hunter" + "22\n")
    (tmp_path / "plugin_environment").write_text('{"API_KEY": "k' + 'kkk9", "LEVEL": "debug", "PORT": 8086}')
    shown = context.secrets_redactor(tmp_path)("hunter22 kkkk9 debug")
    assert shown == "[redacted] [redacted] debug"


def test_hosts_are_the_containers_of_the_outputs() -> None:
    from sandbox_suite.converge.inventory import hosts

    outputs = {
        "job": "j1",
        "tenant": "acme",
        "containers": {"database": {"name": "sbx-j1-database", "user": "postgres"}},
    }
    made = hosts(outputs, Path("/x"), None)
    assert made["database"]["sandbox_container"] == "sbx-j1-database"
    assert made["database"]["ansible_user"] == "postgres"
    assert "sandbox_socket" not in made["database"]
    assert hosts(outputs, Path("/x"), "/s")["database"]["sandbox_socket"] == "/s"
