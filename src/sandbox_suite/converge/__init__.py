"""Running Ansible: runner, connection and inventory plugins, audit callback."""
