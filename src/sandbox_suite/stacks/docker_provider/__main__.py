"""What `bin/pulumi-resource-docker` runs."""

from sandbox_suite.stacks.docker_provider.server import serve

serve()
