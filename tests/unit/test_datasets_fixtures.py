"""Fixtures of a plan: what is refused before anything is made, and that no value is shown."""

from pathlib import Path

import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.datasets import fixtures

RATES = "code,rate\nEUR,1\nUSD,1.1\n人民币,7.8\n"
PEOPLE = [f"person{number}@firm{number}.example" for number in range(40)]


def told(folder: Path, text: str | bytes, table: str = "rates") -> list[str]:
    file = folder / "given.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [f"{item.place}: {item.message}" for item in fixtures.look({table: file}, {"customers"})]


def test_a_table_of_codes_is_taken(tmp_path: Path) -> None:
    assert told(tmp_path, RATES) == []


def test_a_table_of_the_dataset_is_not_replaced(tmp_path: Path) -> None:
    assert "no fixture replaces" in told(tmp_path, RATES, table="customers")[0]


def test_personal_data_is_refused_without_being_shown(tmp_path: Path) -> None:
    found = told(tmp_path, "id,contact\n" + "".join(f"{n},{mail}\n" for n, mail in enumerate(PEOPLE)))
    assert len(found) == 1
    assert found[0].startswith("fixture rates.contact: looks like")
    assert "email" in found[0]
    assert "person1" not in found[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("code,code\nEUR,1\n", "twice"),
        ("code;rate\nEUR;1\n", "commas"),
        ("Code Name,rate\nEUR,1\n", "lower-case"),
        (b"code,rate\n\xff\xfe,1\n", "given.csv"),
        ("code,rate\nEUR,1,2,3\n", "given.csv"),
    ],
    ids=["empty", "twice", "semicolons", "odd name", "encoding", "ragged"],
)
def test_what_postgresql_would_not_load_is_told_before(tmp_path: Path, text: str | bytes, said: str) -> None:
    found = told(tmp_path, text)
    assert found
    assert said in found[0]


def test_a_file_that_is_missing_or_too_large_is_told(tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(fixtures.MAX_BYTES + 1)
    found = fixtures.look({"gone": tmp_path / "gone.csv", "large": large}, ())
    assert [item.place for item in found] == ["fixture gone", "fixture large"]


def test_a_file_that_changed_since_admission_is_not_loaded(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text(RATES)
    known = fixtures.facts({"rates": file})
    assert fixtures.unchanged(known) == known
    file.write_text(RATES + "CHF,1\n")
    with pytest.raises(RequestError, match="rates"):
        fixtures.unchanged(known)
