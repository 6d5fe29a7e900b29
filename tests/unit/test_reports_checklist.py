"""Every row of the security checklist has a state and says where its proof comes from; a promise is not a proof."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.core.files import write_json
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.plugins import check, package
from sandbox_suite.plugins import rows as static
from sandbox_suite.plugins.tree import Item
from sandbox_suite.regression.results import Case
from sandbox_suite.reports import checklist, log_leaks, stored_secrets
from sandbox_suite.reports.checklist import Proof
from tests.unit import reports_job
from tests.unit.reports_job import line
from tests.unit.test_reports_step import told

EXAMPLE = package.content(CHECKOUT / "examples" / "plugins" / "customer-desk-python")


def row(name: str, *proofs: Proof) -> checklist.Row:
    return next(one for one in checklist.rows(proofs) if one.row == name)


def of_cases(named: Mapping[str, list[str]], *cases: Case) -> dict[str, str]:
    return {proof.row: proof.state for proof in checklist.of_cases(cases, named)}


def test_there_are_twenty_rows_and_each_says_why_it_is_what_it_is() -> None:
    found = checklist.rows(())
    assert [one.row for one in found] == [f"S-{number:02}" for number in range(1, 21)]
    assert all(one.title and one.proofs and one.proofs[0].says for one in found)
    assert {one.state for one in found if one.title == checklist.ELSEWHERE} == {"not applicable"}
    assert {one.state for one in found if one.title != checklist.ELSEWHERE} == {"not checked"}


@pytest.mark.parametrize(
    ("states", "expected"),
    [(["proved"], "proved"), (["proved", "failed"], "failed"), (["proved", "not checked"], "not checked"),
     (["not applicable"], "not applicable"), (["not applicable", "proved"], "proved"), (["noted"], "not checked"),
     (["noted", "proved"], "proved")],
)  # fmt: skip
def test_the_worst_that_a_source_says_is_the_rows_state(states: Any, expected: str) -> None:
    assert row("S-05", *(Proof("S-05", "cases", state, "x") for state in states)).state == expected


def test_cases_prove_a_row_only_when_all_of_them_passed() -> None:
    named = {"S-05": ["s/a", "s/b"]}
    good, bad = Case("s", "a", "passed"), Case("s", "b", "failed")
    assert of_cases(named, good, Case("s", "b", "passed")) == {"S-05": "proved"}
    assert of_cases(named, good, bad) == {"S-05": "failed"}
    assert of_cases(named, good, Case("s", "b", "error")) == {"S-05": "not checked"}
    assert of_cases(named, good) == {"S-05": "not checked"}, "a named case that never reported is no proof"


def test_cases_may_be_tagged_with_their_row_instead() -> None:
    assert of_cases({}, Case("s", "a", "passed", tags=("S-19", "x")), Case("s", "b", "failed", tags=("S-05",))) == {
        "S-19": "proved", "S-05": "failed",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind"),
    [("mail to ann.lee@example.com", "an email address"), ("call +49 30 1234567", "a phone number"),
     ("card 4111 1111 1111 1111", "a card number"), ("DE89 3704 0044 0532 0130 00", "an IBAN"),
     ("dsn postgres://u:[redacted]@db", "a secret")],
)  # fmt: skip
def test_sensitive_data_in_logs_is_found_by_kind_and_place_and_never_shown(
    tmp_path: Path, text: str, kind: str
) -> None:
    (tmp_path / "plugin.log").write_text(f"listening\n{text}\n")
    looked = log_leaks.look(tmp_path)
    assert looked.found == {kind: ("plugin.log:2",)}
    proof = checklist.of_logs(looked.files, looked.lines, looked.found)
    assert (proof.state, text in proof.says) == ("failed", False)


def test_ordinary_lines_of_a_log_are_no_sensitive_data(tmp_path: Path) -> None:
    (tmp_path / "plugin.log").write_text(
        '{"time": "2026-11-24T20:53:26.123Z", "ms": 12.5, "tenant": "acme", "request_id": "4111-1111-1111-1112"}\n'
        "at 127.0.0.1:8086 user@host order 1234567890123 id 6f9619ff-8b86-d011-b42d-00cf4fc964ff +20 -3 1700000000\n"
    )
    looked = log_leaks.look(tmp_path)
    assert looked.found == {}
    assert checklist.of_logs(looked.files, looked.lines, looked.found).state == "proved"
    assert checklist.of_logs(0, 0, {}).state == "not checked"


@pytest.mark.parametrize(
    ("told_of", "state"),
    [(None, "not checked"), ([], "not applicable"), ([("s.t.token", 0, 0, 0)], "not applicable"),
     ([("s.t.token", 3, 3, 0)], "proved"), ([("s.t.token", 3, 2, 1)], "failed"),
     ([("s.t.token", 3, 3, 0), ("s.t.key", 2, 1, 0)], "not checked"),
     ([("s.t.token", True, "x", None)], "not applicable")],
)  # fmt: skip
def test_stored_secrets_are_judged_by_what_was_counted(told_of: Any, state: str) -> None:
    columns = told_of and [dict(zip(("column", "rows", "sealed", "plain"), one, strict=True)) for one in told_of]
    assert stored_secrets.proof({} if told_of is None else {"secrets": columns}).state == state


def test_the_example_plugin_hard_codes_no_secret_and_names_its_headers() -> None:
    found = {one.row: one for one in static.of(EXAMPLE.manifest, EXAMPLE.files)}
    assert found["S-03"].state == "proved"
    assert found["S-19"].says == "the source names 5 of 5 security headers"
    assert {one.state for name, one in found.items() if name != "S-03"} == {"noted"}


def test_a_hard_coded_secret_fails_its_row_and_is_not_shown() -> None:
    secret = "".join(("AK", "IA", "Q3ZTRHWXKM5TNBVC"))
    files = {**EXAMPLE.files, "keys.py": Item("keys.py", False, f'KEY = "{secret}"\n'.encode())}
    found = next(one for one in static.of(EXAMPLE.manifest, files) if one.row == "S-03")
    assert (found.state, found.says) == ("failed", "hard-coded in keys.py:1")
    assert all(secret not in item.message for item in check.content(EXAMPLE.manifest, files))


def test_a_report_shows_every_row_and_a_failed_one_is_in_the_verdict(tmp_path: Path) -> None:
    folder = reports_job.make(tmp_path, [line("tenant"), line("open", "failed")], checklist={"S-05": ["api/open"]},
                              thresholds={"pass_rate": 0.1})  # fmt: skip
    report = told(tmp_path)
    rows = {one["row"]: one for one in report["rows"]}
    assert len(rows) == 20
    assert rows["S-05"]["state"] == "failed"
    assert report["verdict"] == "regressed"
    assert report["reasons"] == ["checklist: S-05 APIs check tenant and permission: 1 of 1 cases failed: api/open"]
    assert rows["S-12"]["proofs"][0]["source"] == "audit"
    assert rows["S-08"]["state"] == "proved"
    assert rows["S-14"]["state"] == "not applicable"
    page = (folder / "report" / "report.html").read_text()
    assert "1 of 1 cases failed: api/open" in page


def test_what_the_package_says_is_kept_for_when_it_is_gone(tmp_path: Path) -> None:
    folder = reports_job.make(tmp_path, [line("good")])
    assert {one["row"]: one["state"] for one in told(tmp_path)["rows"]}["S-03"] == "not checked"
    write_json(folder / "plugin-check.json", [static.Static("S-03", "proved", "none in 3 files").as_dict()])
    assert {one["row"]: one["state"] for one in told(tmp_path)["rows"]}["S-03"] == "proved"


def test_plans_name_cases_that_exist() -> None:
    from sandbox_suite.regression import plans, suites

    plan = plans.load(plans.DEFAULT_FILE).get("smoke")
    assert {"S-05", "S-19"} <= plan.checklist.keys()
    wrong = plan.model_copy(update={"checklist": {"S-05": ["http-python/tenant-misspelt"]}})
    found, _ = suites.look(wrong)
    assert [item.id for item in found] == ["checklist-case-unknown"]
    assert suites.look(plan)[0] == []
