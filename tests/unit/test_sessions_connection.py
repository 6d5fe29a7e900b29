"""The connection plugin's options, as Ansible sets them."""

import pytest

from sandbox_suite.core.settings import CHECKOUT

PLUGINS = CHECKOUT / "src" / "sandbox_suite" / "converge" / "plugins" / "connection"


@pytest.mark.parametrize(("variables", "seconds"), [({}, 3600.0), ({"sandbox_timeout": 7}, 7.0)])
def test_the_time_a_command_may_take_is_ours_and_not_ansibles_to_connect(
    variables: dict[str, int], seconds: float
) -> None:
    from ansible.playbook.play_context import PlayContext
    from ansible.plugins.loader import connection_loader

    connection_loader.add_directory(str(PLUGINS))
    play = PlayContext()
    connection = connection_loader.get("sandbox", play)
    connection.set_options(task_keys={"timeout": play.timeout}, var_options=variables)  # as its task executor does
    assert connection.get_option("command_timeout") == seconds
