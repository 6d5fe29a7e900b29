"""A request that was found without fault: when it is looked at again."""

import dataclasses
import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import looked
from sandbox_suite.jobs.model import Request

NOW = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)
REQUEST = Request("smoke", "default", "somebody")


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    for folder in ("config", "suite", "home"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file.yaml").write_text("key: 1\n")
    return Settings(tmp_path / "home", tmp_path, tmp_path, tmp_path / "config")


def test_it_is_clear_after_a_look_without_findings_and_not_before(configured: Settings, tmp_path: Path) -> None:
    assert not looked.is_clear(configured, REQUEST, NOW)
    looked.remember(configured, REQUEST, NOW, [tmp_path / "suite"])
    assert looked.is_clear(configured, REQUEST, NOW)
    assert looked.is_clear(configured, dataclasses.replace(REQUEST, reason="another"), NOW)


CHANGES: dict[str, Callable[[Path], object]] = {
    "configuration edited": lambda place: (place / "config/file.yaml").write_text("key: 22\n"),
    "suite edited to the same length": lambda place: (place / "suite/file.yaml").write_text("key: 2\n"),
    "file beside it": lambda place: (place / "suite/more").touch(),
    "file removed": lambda place: (place / "suite/file.yaml").unlink(),
    "plugin installed": lambda place: (place / "home/plugins").mkdir(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_is_looked_at_again_after_any_change(
    configured: Settings, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    looked.remember(configured, REQUEST, NOW, [tmp_path / "suite"])
    change(tmp_path)
    assert not looked.is_clear(configured, REQUEST, NOW)


@pytest.mark.parametrize(
    "other",
    [{"plan": "full"}, {"actor": "another"}, {"priority": "urgent"}, {"environment": {"SANDBOX_DATASETS": "/x"}}],
)
def test_another_request_is_looked_at(configured: Settings, other: dict[str, object]) -> None:
    looked.remember(configured, REQUEST, NOW, ())
    assert not looked.is_clear(configured, dataclasses.replace(REQUEST, **other), NOW)  # type: ignore[arg-type]


def test_it_is_looked_at_again_the_next_day_since_exceptions_end(configured: Settings) -> None:
    looked.remember(configured, REQUEST, NOW, ())
    assert not looked.is_clear(configured, REQUEST, NOW + datetime.timedelta(days=1))


def test_what_was_remembered_may_be_rubbish_and_stays_short(configured: Settings) -> None:
    (configured.home / looked.FILE).write_bytes(b"\xff not JSON")
    assert not looked.is_clear(configured, REQUEST, NOW)
    for number in range(looked.KEPT + 5):
        looked.remember(configured, dataclasses.replace(REQUEST, plan=str(number)), NOW, ())
    assert not looked.is_clear(configured, dataclasses.replace(REQUEST, plan="0"), NOW)
    assert looked.is_clear(configured, dataclasses.replace(REQUEST, plan=str(looked.KEPT + 4)), NOW)
