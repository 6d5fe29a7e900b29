"""What can go wrong with a session, in words a user can act on."""

from sandbox_suite.core.errors import InfrastructureError


class SessionError(InfrastructureError):
    """The session, its holder or its container failed; what was asked for may or may not have happened."""


class SessionUnopenedError(SessionError):
    """There is no session, or none that can do this: nothing of what was asked for was begun."""


class SessionTimeoutError(SessionError):
    """The request took longer than it was given; its processes in the container were ended."""


class SessionFileError(SessionError):
    """A file in the container could not be written or read."""
