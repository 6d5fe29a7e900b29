"""Any command of the Pulumi CLI on a job's stack, with what it needs served for the duration."""

import contextlib
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sandbox_suite.stacks.cli import bound_to_caller, inherited
from sandbox_suite.stacks.docker_provider.server import OPTIONS, running
from sandbox_suite.stacks.workspace import Workspace

RUN_THE_PROGRAM = ("up", "update", "preview", "pre")  # these need it served: there is no language plugin
THREADS = 4


@dataclass(frozen=True)
class Command:
    """What to run, where, and what to add to the environment."""

    argv: list[str]
    folder: Path
    environment: dict[str, str]


@contextlib.contextmanager
def served(workspace: Workspace, args: Sequence[str]) -> Iterator[Command]:
    """Yield the command for `args`; the provider, and the program where it is needed, answer until the block ends."""
    environment, argv = workspace.environment() | {"PULUMI_STACK": workspace.stack}, [str(workspace.pulumi), *args]
    with contextlib.ExitStack() as serving:
        if workspace.provider == "embedded":
            environment["PULUMI_DEBUG_PROVIDERS"] = f"docker:{serving.enter_context(running())}"
        if args and args[0] in RUN_THE_PROGRAM:
            from infra.program import program

            port = serving.enter_context(_program(program))
            argv += [f"--client=127.0.0.1:{port}", "--exec-kind=auto.inline"]
        yield Command(argv, workspace.work, environment)


def shown(command: Command) -> str:
    """Return the command as it can be pasted while it is served."""
    words = [f"{key}={value}" for key, value in command.environment.items()]
    return f"cd {shlex.quote(str(command.folder))} && " + shlex.join(["env", *words, *command.argv])


def run(command: Command) -> int:
    """Run the command on the caller's terminal and return its exit code; a Ctrl-C is the command's own affair."""
    process = subprocess.Popen(
        [*bound_to_caller(), *command.argv], cwd=command.folder, env={**inherited(), **command.environment}
    )
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal sent it to the command too, which ends in its own time
            continue


@contextlib.contextmanager
def _program(program: Callable[[], None]) -> Iterator[int]:
    import grpc
    from pulumi.automation._server import LanguageServer
    from pulumi.runtime.proto.language_pb2_grpc import add_LanguageRuntimeServicer_to_server

    with ThreadPoolExecutor(THREADS) as pool:
        server = grpc.server(pool, options=OPTIONS)
        add_LanguageRuntimeServicer_to_server(LanguageServer(program), server)
        port = int(server.add_insecure_port("127.0.0.1:0"))
        server.start()
        try:
            yield port
        finally:
            server.stop(None).wait()
