"""Errors a user reads: what is wrong, what was left as it was, what to do.

Each class knows the exit code its kind of trouble ends with (docs/reference/exit-codes.md).
"""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Explanation:
    """What a user is told of a failure. `what` may hold several lines: every mistake at once."""

    what: str
    left: str
    remedy: str


class SandboxError(Exception):
    """The root of every error that is explained to a user."""

    exit_code = 5

    def __init__(self, what: str, *, left: str = "nothing was changed", remedy: str = "") -> None:
        super().__init__(what)
        self.explanation = Explanation(what, left, remedy)

    def as_dict(self) -> dict[str, str]:
        """Return the `error` object of the run's JSON."""
        return asdict(self.explanation)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.explanation))

    def __str__(self) -> str:
        lines = [self.explanation.what]
        if self.explanation.left:
            lines.append(f"left as it was: {self.explanation.left}")
        if self.explanation.remedy:
            lines.append(f"hint: {self.explanation.remedy}")
        return "\n".join(lines)


class RequestError(SandboxError):
    """The request is wrong: unknown plan, flag off, no permission, bad file."""

    exit_code = 2


class BlockedError(SandboxError):
    """The masking gate blocked the dataset; nothing was provisioned."""

    exit_code = 3


class CancelledError(SandboxError):
    """The job was cancelled, or gave up waiting in the queue."""

    exit_code = 4


class InfrastructureError(SandboxError):
    """Docker, Pulumi, Ansible or this program failed; says whether the job was rolled back or can be resumed."""

    exit_code = 5


class CutError(InfrastructureError):
    """A program of ours was ended from outside, by a signal: what it did is looked at, and done again."""


def _rebuild(kind: type[SandboxError], said: Explanation) -> SandboxError:
    return kind(said.what, left=said.left, remedy=said.remedy)
