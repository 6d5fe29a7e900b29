"""Sources: a password in a database's URL is refused before anything is asked, and never repeated."""

from pathlib import Path

import pytest
from datasets_importing import refused, settings

from sandbox_suite.core.settings import Settings

SECRET = "tr0ub4dor" + "3x"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return settings(tmp_path)


@pytest.mark.parametrize(
    "url", ["postgresql://anna:{}@127.0.0.1:9/shop", "postgres://127.0.0.1:9/shop?password={}&user=anna"]
)
def test_a_password_in_a_database_url_is_refused(home: Settings, url: str) -> None:
    told = refused(home, url.format(SECRET), "holds a password")
    assert SECRET not in told
    assert "PGPASSFILE" in told


def test_a_reference_without_a_value_names_where_to_put_it(home: Settings) -> None:
    told = refused(home, "postgresql://anna@127.0.0.1:9/shop?password=secret://sandbox/shop-db", "has no value")
    assert "secrets/shop-db" in told


def test_a_database_that_does_not_answer_is_told(home: Settings) -> None:
    refused(home, "postgresql://anna@127.0.0.1:9/shop", "no connection: ")
    refused(home, "postgresql://anna@[127.0.0.1/shop", "is no URL")
