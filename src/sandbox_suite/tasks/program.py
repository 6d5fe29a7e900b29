"""Our Invoke program: exit codes by kind of trouble, no surprises from Invoke's own flags.

Invoke ends with 1 on unknown flags, unknown tasks, exceptions and Ctrl-C alike; here they are 2, 2, 5 and 4.
"""

import os
import sys
import traceback
from pathlib import Path

from invoke.exceptions import Exit, ParseError, UnexpectedExit
from invoke.program import Program

from sandbox_suite import __version__
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.settings import CHECKOUT

REQUEST, CANCELLED, PROGRAM = 2, 4, 5
OURS = "SANDBOX_PROGRAM"


class SandboxProgram(Program):
    """Invoke's program with our exit codes."""

    def run_mapped(self, argv: list[str]) -> int:
        """Parse and execute; return the exit code."""
        try:
            refuse_misleading_flags(argv[1:])
            self.create_config()
            self.parse_core(argv)
            sys.dont_write_bytecode = False  # Invoke turns bytecode off, which makes every later start slower
            self.parse_collection()
            self.parse_tasks()
            self.parse_cleanup()
            self.update_config()
            self.execute()
        except ParseError as error:
            return _complain(
                f"{error}\nhint: `./invoke --list` names the tasks, `./invoke --help TASK` their options", REQUEST
            )
        except Exit as end:
            return _complain(end.message, end.code) if end.message else int(end.code)
        except UnexpectedExit as end:
            return _complain(str(end) if end.result.hide else "", end.result.exited or PROGRAM)
        except SandboxError as error:
            return _complain(f"error: {error}", error.exit_code)
        except KeyboardInterrupt:
            return _complain("cancelled", CANCELLED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader left; nothing more can be told
            return 0
        except Exception:
            return _complain(f"{traceback.format_exc()}error: this is a fault of the program, not of yours", PROGRAM)
        return 0


def refuse_misleading_flags(arguments: list[str]) -> None:
    """Refuse Invoke's own `--dry` and, after a task, `--list`: a task would run for real, or not at all."""
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    task_seen = False
    for argument in ours:
        if argument in ("--dry", "-R"):
            raise ParseError(
                f"`{argument}` is Invoke's and would not keep a task from acting: `--dry-run` shows what it would do"
            )
        if task_seen and (argument in ("--list", "-l") or argument.startswith("--list=")):
            raise ParseError(
                f"`{argument}` after a task means nothing here: `./invoke --list`, or a task such as `sandbox.list`"
            )
        task_seen = task_seen or not argument.startswith("-")


def main(argv: list[str] | None = None) -> int:
    """Run the program; return the exit code."""
    os.environ[OURS] = "1"
    from sandbox_suite.tasks import namespace

    program = SandboxProgram(
        version=__version__,
        namespace=namespace.build(),
        name="sandbox-suite",
        binary="./invoke",
        binary_names=["invoke", "./invoke"],
    )
    arguments = list(sys.argv if argv is None else argv)
    return program.run_mapped([*arguments[:1], *_as_stock(arguments[1:])])


def _as_stock(arguments: list[str]) -> list[str]:
    """Accept what stock Invoke accepts: no arguments at all list the tasks."""
    return arguments or ["--list"]


def take_over() -> None:
    """When stock Invoke loads tasks.py, replace it by our program, so that plain `invoke` ends with the same codes."""
    started_by = Path(sys.argv[0]).name
    if os.environ.get(OURS) or started_by not in ("invoke", "inv"):
        return
    os.chdir(CHECKOUT)
    os.execv(sys.executable, [sys.executable, "-m", "sandbox_suite.tasks", *sys.argv[1:]])  # noqa: S606


def _complain(text: str, code: int) -> int:
    if text:
        sys.stderr.write(text.rstrip() + "\n")
    return code
