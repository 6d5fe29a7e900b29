"""What a step does, as a target of the forkserver: one playbook through the runner, its result left as JSON."""

import json
from pathlib import Path

from sandbox_suite.audit import log
from sandbox_suite.converge import context, runner
from sandbox_suite.core.files import write_json
from sandbox_suite.core.settings import Settings, load

JOB = "cvw-job"


def place(home: str) -> Settings:
    return load(Path(home) / "none.yaml", {"SANDBOX_HOME": home})


def step(home: str, playbook: str, left: str, attempt: int = 1, pipelining: str = "") -> int:
    """Run `playbook`, a path without its ending; `pipelining` asks for another setting of Ansible's."""
    settings, said = place(home), []
    if pipelining:
        before = runner._environment
        runner._environment = lambda *given: before(*given) | {"ANSIBLE_PIPELINING": pipelining}
    runner.PLAYBOOKS = Path(playbook).parent
    who = context.of_job(settings, job=JOB, step=f"step{attempt}", attempt=attempt, actor="qa", tenant="acme")

    def say(line: str) -> None:
        said.append(line)
        Path(left).with_suffix(".said").write_text("\n".join(said))

    done = runner.run(Path(playbook).name, who, {"word": "grüße"}, settings, say)
    records = [record for record in log.read(who.log) if record.attempt == attempt]
    found = {
        "outcome": done.outcome,
        "stats": done.stats,
        "results": [[one.task, one.module, one.host, one.outcome, one.message, one.ignored] for one in done.results],
        "uuids": [one.uuid for one in done.results],
        "missing": len(done.missing_records),
        "records": [[record.task, record.host, record.outcome, record.target] for record in records],
        "said": said[1:],
        "left": [str(path) for path in settings.job_runtime(JOB).glob("runner/*")],
    }
    write_json(Path(left), json.loads(json.dumps(found)))
    return 0
