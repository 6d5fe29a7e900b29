"""provision: network, database (from the golden image), plugin host and runner, by Pulumi."""

from dataclasses import asdict, replace
from typing import Any

from sandbox_suite import engine, toolchain
from sandbox_suite.jobs import goldens, policy_store
from sandbox_suite.jobs.plan import stack_spec
from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.sessions import holder
from sandbox_suite.sessions.client import Client
from sandbox_suite.stacks import stack


def run(context: Context) -> dict[str, Any]:
    """Bring the stack up; taken up where a kill left it."""
    settings = context.settings
    plan = context.plan
    rules = policy_store.current(settings).rules
    installation = engine.installation(settings.home)
    spec = stack_spec(settings, context.request, rules, context.job, installation, context.clock(), plan["images"])
    source = goldens.source(settings, plan, spec.expires_at)
    spec = replace(spec, images={**spec.images, "database": source.image}, cluster=source.volume)
    plan["limits"] = {part: asdict(limits) for part, limits in spec.parts.items()}
    plan["images"] = dict(spec.images)
    context.write_plan(plan)
    pulumi = toolchain.pulumi_path(settings)
    outputs = stack.up(context.folder, spec, pulumi, settings.provider, settings=settings)
    _open_sessions(context, outputs)
    return {"expires_at": outputs["expires_at"], "network": outputs["network"], "subnet": outputs["subnet"]}


def _open_sessions(context: Context, outputs: dict[str, Any]) -> None:
    """Have a session into each container opened ahead, without waiting: the next step finds them warm."""
    socket = holder.ensure(context.settings.runtime)
    for container in outputs["containers"].values():
        with Client(socket, container["name"], container["user"]) as client:
            client.open(warm=True)
