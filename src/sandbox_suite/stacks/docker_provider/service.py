"""Pulumi's provider protocol, translated: every rule is elsewhere."""

import importlib.metadata
import json
from collections.abc import Callable
from typing import Any, TypeVar

import docker
import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2
from pulumi.runtime.proto import provider_pb2 as rpc
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderServicer

from sandbox_suite import engine
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.stacks.docker_provider import inputs as rules
from sandbox_suite.stacks.docker_provider.base import OwnershipError, Resource, StartError
from sandbox_suite.stacks.docker_provider.resources import KINDS
from sandbox_suite.stacks.docker_provider.tables import TABLES
from sandbox_suite.stacks.docker_provider.values import to_python, to_struct

CONFIGURATION = {"version", "pluginDownloadURL", "__internal"}  # what the engine itself puts there
KIND = rpc.PropertyDiff
HOW = {
    ("add", False): KIND.ADD,
    ("add", True): KIND.ADD_REPLACE,
    ("delete", False): KIND.DELETE,
    ("delete", True): KIND.DELETE_REPLACE,
    ("update", False): KIND.UPDATE,
    ("update", True): KIND.UPDATE_REPLACE,
}
T = TypeVar("T")


class DockerProvider(ResourceProviderServicer):
    """The provider. It keeps no state between calls: one server takes many runs."""

    def __init__(self, connect: Callable[[], docker.APIClient] = engine.client) -> None:
        self._client = connect()

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's names, here and below
        """Say what is understood: plain values only."""
        return rpc.ProviderHandshakeResponse(accept_secrets=False, accept_resources=False, accept_outputs=False)

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Let an engine attach; nothing of it is kept."""
        return Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Say which SDK's resources these are."""
        return plugin_pb2.PluginInfo(version=_version())

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Return an empty schema: the SDK has its own."""
        return rpc.GetSchemaResponse(schema=json.dumps({"name": "docker", "version": _version(), "resources": {}}))

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuse every setting of the official provider."""
        failures = [
            rpc.CheckFailure(property=name, reason=f"`docker:{name}` is not read: the engine is what DOCKER_HOST names")
            for name in sorted(to_python(request.news).keys() - CONFIGURATION)
        ]
        return rpc.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """No setting, no change."""
        return rpc.DiffResponse(changes=rpc.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Nothing to configure."""
        return rpc.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Do nothing: the engine calls it at every end, and a shared server goes on."""
        return Empty()

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuse what cannot be done, all of it at once."""
        failures = [
            rpc.CheckFailure(property=name, reason=reason)
            for name, reason in rules.refused(request.type, to_python(request.news))
        ]
        return rpc.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Compare the inputs of then and now."""
        found = rules.changes(
            TABLES[request.type], to_python(request.old_inputs), to_python(request.news), request.ignoreChanges
        )
        if not found:
            return rpc.DiffResponse(changes=rpc.DiffResponse.DIFF_NONE)
        replaces = [change.name for change in found if change.replaces]
        return rpc.DiffResponse(
            changes=rpc.DiffResponse.DIFF_SOME,
            diffs=[change.name for change in found],
            replaces=replaces,
            deleteBeforeReplace=bool(replaces),  # names are given, so old and new cannot be there together
            detailedDiff={one.name: KIND(kind=HOW[one.how, one.replaces], inputDiff=True) for one in found},
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Make a resource; in a preview, say what its properties would be."""
        wanted = to_python(request.properties)
        if request.preview:
            return rpc.CreateResponse(id="", properties=to_struct(wanted))
        made = _attempt(context, request, lambda: self._kind(request).create(wanted, request.urn))
        return rpc.CreateResponse(id=made.id, properties=to_struct(made.inputs | made.outputs))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Say what a resource is now; an empty answer says that it is gone."""
        known = to_python(request.inputs)
        if not known:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "the embedded Docker provider imports nothing")
        found = _attempt(context, request, lambda: self._kind(request).read(request.id, known), gone=None)
        if found is None:
            return rpc.ReadResponse()
        properties = to_python(request.properties) | found.inputs | found.outputs
        return rpc.ReadResponse(id=found.id, properties=to_struct(properties), inputs=to_struct(found.inputs))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Change a resource in place."""
        wanted = to_python(request.news)
        if not request.preview:
            _attempt(context, request, lambda: self._kind(request).update(request.id, wanted))
        return rpc.UpdateResponse(properties=to_struct(to_python(request.olds) | wanted))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Remove a resource; one that is gone is fine."""
        known = to_python(request.properties)
        _attempt(context, request, lambda: self._kind(request).delete(request.id, known), gone=None)
        return Empty()

    def _kind(self, request: Any) -> Resource:
        return KINDS[request.type](self._client)


_RAISE: Any = object()


def _attempt(context: Any, request: Any, act: Callable[[], T], gone: Any = _RAISE) -> T:
    """Return what `act` does; the engine's refusals become the protocol's errors, NotFound becomes `gone`."""
    name = request.urn.rpartition("::")[2]
    try:
        return act()
    except docker.errors.NotFound as error:
        if gone is not _RAISE:
            return gone  # type: ignore[no-any-return]
        context.abort(grpc.StatusCode.UNKNOWN, f"{name}: {error.explanation}")
    except docker.errors.APIError as error:
        context.abort(grpc.StatusCode.UNKNOWN, f"{name}: {error.explanation}")
    except (OwnershipError, StartError, SandboxError, OSError) as error:
        context.abort(grpc.StatusCode.UNKNOWN, f"{name}: {error}")
    raise AssertionError("abort raises")


def _version() -> str:
    return importlib.metadata.version("pulumi-docker")
