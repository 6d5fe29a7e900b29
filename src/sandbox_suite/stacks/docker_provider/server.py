"""The provider as a server: inside a process that runs Pulumi, or on its own."""

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

THREADS = 16
MESSAGE_BYTES = 400 << 20  # what the Pulumi engine itself allows
OPTIONS = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.so_reuseport", 0)]
LOOK_SECONDS = 0.5


@contextmanager
def running() -> Iterator[int]:
    """Serve for the duration, on a loopback port that is yielded."""
    import grpc
    from pulumi.runtime.proto.provider_pb2_grpc import add_ResourceProviderServicer_to_server

    from sandbox_suite.stacks.docker_provider.service import DockerProvider

    with ThreadPoolExecutor(THREADS) as pool:
        server = grpc.server(pool, options=OPTIONS)
        add_ResourceProviderServicer_to_server(DockerProvider(), server)
        port = int(server.add_insecure_port("127.0.0.1:0"))
        server.start()
        try:
            yield port
        finally:
            server.stop(None).wait()


def serve() -> None:
    """Serve as a plugin of a Pulumi engine: the port is the first line of stdout; end with the engine."""
    parent = os.getppid()
    with running() as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        # An engine that is killed ends nobody: whoever finds itself with another parent is an orphan.
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
