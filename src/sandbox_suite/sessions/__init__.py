"""One pipe into each container: agent, holder, client."""
