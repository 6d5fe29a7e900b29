"""`ansible-playbook` by hand over the `sandbox` connection: plays as users write them, into a hardened container."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sessions_container import USER, container

from sandbox_suite.sessions import holder

pytestmark = pytest.mark.docker
PLUGINS = holder.SOURCES / "sandbox_suite" / "converge" / "plugins"
PLAY = """
- hosts: box
  gather_facts: false
  tasks:
    - ansible.builtin.ping:
    - ansible.builtin.copy: {content: "grüße\\n", dest: /tmp/a, mode: "0640"}
    - ansible.builtin.copy: {src: source.bin, dest: /tmp/source.bin}
    - ansible.builtin.template: {src: t.j2, dest: /tmp/t}
    - ansible.builtin.file: {path: /tmp/folder, state: directory, mode: "0700"}
    - ansible.builtin.command: cat /tmp/a /tmp/t
      register: read
    - ansible.builtin.shell: printf hello > "$(printf '/tmp/odd-\\377')"; ls /tmp | od -An -c
      register: odd
    - ansible.builtin.fetch: {src: /tmp/source.bin, dest: "{{ playbook_dir }}/back.bin", flat: true}
    - ansible.builtin.script: {cmd: script.sh, executable: /bin/sh}
      register: script
    - {ansible.builtin.command: /bin/false, ignore_errors: true, register: failed}
    - {ansible.builtin.command: id, become: true, ignore_errors: true, register: become}
    - {ansible.builtin.command: sleep 60, timeout: 1, ignore_errors: true, register: timeout}
    - {ansible.builtin.command: id, vars: {sandbox_timeout: 0.01}, ignore_errors: true, register: limit}
    - ansible.builtin.fetch: {src: /tmp/nope, dest: "{{ playbook_dir }}/nope", flat: true}
      ignore_errors: true
      register: nofile
    - ansible.builtin.copy:
        content: "{{ {'read': read.stdout, 'odd': odd.stdout, 'script': script.stdout, 'failed': failed,
          'become': become, 'timeout': timeout, 'limit': limit, 'nofile': nofile} | to_json }}"
        dest: "{{ playbook_dir }}/results.json"
        mode: "0600"
      delegate_to: localhost
      vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
- hosts: gone
  gather_facts: false
  tasks:
    - ansible.builtin.ping:
"""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, Any], Path]]:
    place = tmp_path_factory.mktemp("play")
    (place / "play.yml").write_text(PLAY)
    (place / "ansible.cfg").write_text("")
    (place / "t.j2").write_text("{{ inventory_hostname }}\n")
    (place / "source.bin").write_bytes(os.urandom(20_000_000))
    (place / "script.sh").write_text("#!/bin/sh\necho from a script of ours\n")
    with container(f"--user={USER}") as name:
        hosts = {"box": {"sandbox_container": name, "ansible_user": USER}, "gone": {"sandbox_container": "ses-none"}}
        (place / "inventory.json").write_text(json.dumps({"all": {"vars": _variables(place), "hosts": hosts}}))
        done = _play(place)
        assert (place / "results.json").exists(), done.stdout + done.stderr
        yield done.stdout + done.stderr, json.loads((place / "results.json").read_text()), place
    holder.stop(place)


def _variables(place: Path) -> dict[str, str]:
    return {
        "ansible_connection": "sandbox",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_remote_tmp": "/tmp/.ansible",
        "sandbox_socket": str(holder.ensure(place)),
    }


def _play(place: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(holder.SOURCES),
        "ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS / "connection"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(place / "ansible.cfg"),
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "inventory.json", "play.yml"]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


def test_modules_files_and_templates_work(played: tuple[str, dict[str, Any], Path]) -> None:
    printed, results, place = played
    assert "failed=0" in printed
    assert results["read"] == "grüße\nbox"
    assert "377" in results["odd"]
    assert results["script"].strip() == "from a script of ours"
    assert (place / "back.bin").read_bytes() == (place / "source.bin").read_bytes()


def test_failures_are_told_in_words(played: tuple[str, dict[str, Any], Path]) -> None:
    _, results, _ = played
    assert results["failed"]["rc"] == 1
    assert "become is not possible over the `sandbox` connection" in results["become"]["msg"]
    assert "Timed out after 1 second" in results["timeout"]["msg"]
    assert "not done within 0.01 s" in results["limit"]["msg"]
    assert "does not exist" in results["nofile"]["msg"]


def test_a_missing_container_is_unreachable_and_named(played: tuple[str, dict[str, Any], Path]) -> None:
    printed, _, _ = played
    assert "ses-none: No such container" in printed
    assert "unreachable=1" in printed


def test_the_plugins_options_are_documented_for_ansible_doc() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-doc"), "-t", "connection", "-j", "sandbox"],
        env={
            **os.environ,
            "PYTHONPATH": str(holder.SOURCES),
            "ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS / "connection"),
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        check=True,
    )
    options = json.loads(done.stdout)["sandbox"]["doc"]["options"]
    assert {"container", "remote_user", "socket", "command_timeout"} <= options.keys()
