"""The gate lets a well masked data set pass, and blocks every way of spoiling one that we could think of."""

import base64
import urllib.parse
from pathlib import Path

import polars as pl
import pytest
import yaml
from datasets_quarantine import MASTER, POLICY, Quarantine, make

from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.datasets import masking, pools
from sandbox_suite.datasets.gate import oracle
from sandbox_suite.datasets.gate.verdict import CHECKS, Verdict, from_dict

CARD = "card 4111 1111 1111 1111"


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Quarantine:
    return make(tmp_path_factory.mktemp("masked"))


@pytest.fixture
def spoiled(masked: Quarantine, tmp_path: Path) -> Quarantine:
    return masked.copy(tmp_path)


def kinds(verdict: Verdict) -> set[str]:
    """Return the kinds of findings, after making sure that nothing was signed."""
    assert not verdict.passed
    assert verdict.attestation is None
    return {finding.kind for finding in verdict.findings}


def test_a_well_masked_data_set_passes_every_check(masked: Quarantine) -> None:
    verdict = masked.judge()
    assert verdict.findings == []
    assert verdict.passed
    assert [check.name for check in verdict.checks] == list(CHECKS)


def test_a_verdict_survives_its_file(masked: Quarantine, spoiled: Quarantine) -> None:
    blocked = spoiled.put("customers", "email", 3, "someone@mail.example").judge()
    for verdict in (masked.judge(), blocked):
        assert from_dict(verdict.as_dict()).as_dict() == verdict.as_dict()


def test_the_gate_and_the_masks_name_the_same_kernel() -> None:
    assert oracle.kernel() == masking.kernel()


def test_no_value_appears_in_a_verdict(masked: Quarantine, spoiled: Quarantine) -> None:
    leak = masked.frame("customers", "raw")["email"][7]
    shown = str(spoiled.put("customers", "email", 7, leak).put("notes", "body", 7, f"mail {leak}").judge().as_dict())
    assert leak not in shown
    assert "customer_id=8" in shown


# ---- the masker leaves something out


def test_a_column_that_the_policy_does_not_name_blocks(masked: Quarantine, tmp_path: Path) -> None:
    rules = yaml.safe_load(POLICY.read_text())
    del rules["tables"]["customers"]["columns"]["phone"]
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(rules))
    verdict = Quarantine(masked.raw, masked.folder, tmp_path / "policy.yaml", masked.signing).judge()
    assert "unlabelled" in kinds(verdict)


def test_a_column_of_the_masked_side_only_blocks(spoiled: Quarantine) -> None:
    spoiled.change("orders", lambda frame: frame.with_columns(comment=pl.lit("none")))
    assert "unlabelled" in kinds(spoiled.judge())


@pytest.mark.parametrize("column", ["full_name", "email", "phone", "national_id", "address", "birth_date"])
def test_a_column_left_as_it_was_blocks(masked: Quarantine, spoiled: Quarantine, column: str) -> None:
    original = masked.frame("customers", "raw")[column]
    spoiled.change("customers", lambda frame: frame.with_columns(original))
    assert "identity" in kinds(spoiled.judge())


def test_one_value_left_as_it_was_blocks(masked: Quarantine, spoiled: Quarantine) -> None:
    spoiled.put("customers", "phone", 250, masked.frame("customers", "raw")["phone"][250])
    assert "identity" in kinds(spoiled.judge())


def test_one_value_in_another_spelling_blocks(masked: Quarantine, spoiled: Quarantine) -> None:
    phone = masked.frame("customers", "raw")["phone"][9]
    spoiled.put("customers", "phone", 9, f"{phone[:3]} {phone[3:6]}-{phone[6:]}")
    assert "identity" in kinds(spoiled.judge())


def test_a_skipped_row_group_blocks(spoiled: Quarantine) -> None:
    spoiled.change("orders", lambda frame: frame.filter(~pl.col("order_id").is_between(100, 200)))
    assert "rows" in kinds(spoiled.judge())


def test_rows_in_another_order_block(spoiled: Quarantine) -> None:
    spoiled.change("customers", lambda frame: frame.reverse())
    assert "key" in kinds(spoiled.judge())


def test_a_missing_table_blocks(spoiled: Quarantine) -> None:
    (spoiled.folder / "tables" / "notes.parquet").unlink()
    assert {"missing", "digest"} <= kinds(spoiled.judge())


def test_a_file_that_nothing_explains_blocks(spoiled: Quarantine) -> None:
    (spoiled.folder / "tables" / "customers.csv").write_text("left over")
    assert "digest" in kinds(spoiled.judge())


def test_a_file_changed_behind_the_masker_blocks(spoiled: Quarantine) -> None:
    path = spoiled.folder / "tables" / "orders.parquet"
    spoiled.frame("orders").write_parquet(path, compression="gzip")
    assert "digest" in kinds(spoiled.judge())


def test_values_that_became_null_block(spoiled: Quarantine) -> None:
    spoiled.put("orders", "customer_email", 5, None)
    assert "null" in kinds(spoiled.judge())


# ---- the masker does something else


def test_another_key_behind_the_same_claims_blocks(masked: Quarantine, tmp_path: Path) -> None:
    other = make(tmp_path, master=bytes(32))
    claims = read_json(other.folder / "quarantine.json")
    claims["key_fingerprint"] = oracle.key_fingerprint(MASTER)
    write_json(other.folder / "quarantine.json", claims)
    assert {"recomputed", "span"} <= kinds(other.judge())


def test_another_key_that_says_so_blocks(tmp_path: Path) -> None:
    assert "claim" in kinds(make(tmp_path, master=bytes(32)).judge())


def test_rules_that_are_not_the_policys_block(spoiled: Quarantine) -> None:
    claims = read_json(spoiled.folder / "quarantine.json")
    claims["tables"]["customers"]["columns"]["phone"]["rule"] = {"keep": {"why": "trust me"}}
    write_json(spoiled.folder / "quarantine.json", claims)
    assert "claim" in kinds(spoiled.judge())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("email", "u0123@example.com"),
        ("email", "someone@mail.example"),
        ("full_name", "Rumpel Stilz"),
        ("address", "1 Nowhere, Atlantis"),
        ("national_id", "123"),
        ("phone", "call me"),
    ],
)
def test_a_value_outside_its_codomain_blocks(spoiled: Quarantine, column: str, value: str) -> None:
    spoiled.put("customers", column, 11, value)
    assert "codomain" in kinds(spoiled.judge())


def test_a_date_moved_too_far_blocks(spoiled: Quarantine) -> None:
    spoiled.change("customers", lambda frame: frame.with_columns(pl.col("birth_date").dt.offset_by("2y")))
    assert "codomain" in kinds(spoiled.judge())


def test_two_people_with_one_pseudonym_block(spoiled: Quarantine) -> None:
    spoiled.put("customers", "email", 1, spoiled.frame("customers")["email"][0])
    assert "unique" in kinds(spoiled.judge())


def test_one_person_with_two_pseudonyms_blocks(masked: Quarantine, spoiled: Quarantine) -> None:
    emails = masked.frame("orders", "raw")["customer_email"]
    twice = emails.is_duplicated().arg_true()[0]
    spoiled.put("orders", "customer_email", twice, "u0123456789abcdef@example.com")
    assert "unique" in kinds(spoiled.judge())


def test_the_name_of_another_person_as_a_pseudonym_blocks(spoiled: Quarantine, masked: Quarantine) -> None:
    names = masked.frame("customers", "raw").filter(pl.col("locale") == "en_US")["full_name"]
    given, family = set(pools.words("given.en")), set(pools.words("family.en"))
    believable = next(
        (name for name in names if name.partition(" ")[0] in given and name.partition(" ")[2] in family), None
    )
    if believable is None:
        pytest.skip("no person of the sample has a name that the pools could give")
    row = 0 if names[0] != believable else 1
    spoiled.put("customers", "full_name", row, believable)
    assert "recomputed" in kinds(spoiled.judge())


def test_a_foreign_key_that_leads_nowhere_blocks(spoiled: Quarantine) -> None:
    spoiled.put("orders", "customer_id", 4, 999_999)
    assert "key" in kinds(spoiled.judge())


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [("customers", "status", "vip"), ("orders", "sku", "SKU-12"), ("orders", "amount_cents", 999_999_999)],
)
def test_a_kept_value_outside_its_constraint_blocks(
    spoiled: Quarantine, table: str, column: str, value: object
) -> None:
    spoiled.put(table, column, 2, value)
    assert "keep" in kinds(spoiled.judge())


# ---- leaks planted into both sides, so that the text is what it was and only the leak scans can see it


def person(masked: Quarantine) -> dict[str, str]:
    """Return the raw customer of the first note, and (as `other_...`) another one."""
    own = masked.frame("notes", "raw")["customer_id"][0]
    customers = masked.frame("customers", "raw")
    other = customers.filter((pl.col("customer_id") != own) & (pl.col("country") == "US")).row(0, named=True)
    return {
        **customers.filter(pl.col("customer_id") == own).row(0, named=True),
        **{f"other_{key}": value for key, value in other.items()},
    }


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to {email}", "own-email"),
        ("WRITE TO {email_upper}", "own-email"),
        ("ring {phone}", "own-phone"),
        ("ring {phone_spaced}", "own-phone"),
        ("ask for {full_name}", "own-name"),
        ("lives at {address}", "own-address"),
        ("born on {birth_date}", "own-date"),
        ("also known as {other_email}", "original"),
        ("glued x{other_email}x", "original"),
        ("id {other_national_id}", "original"),
        ("full width {other_phone_wide}", "original"),
        ("invisible {other_phone_joined}", "original"),
        ("friend of {other_full_name}", "name"),
        ("blob {email_base64}", "encoded"),
        ("link ?m={email_url}", "encoded"),
        ("hex {email_hex}", "encoded"),
        ("someone unknown: who.ever@some.where.org", "email"),
        ("card 4111 1111 1111 1111", "card"),
        ("account DE89 3704 0044 0532 0130 00", "iban"),
        ("mobile 13912345678 and 13812345679, 13712345670", "phone"),
        ("身份证 11010519491231002X", "national_id"),
    ],
)
def test_a_leak_in_free_text_blocks(masked: Quarantine, spoiled: Quarantine, text: str, kind: str) -> None:
    who = person(masked)
    email, phone = str(who["email"]), str(who["phone"])
    spellings = {
        "email_upper": email.upper(),
        "phone_spaced": f"{phone[:3]} {phone[3:6]} {phone[6:]}",
        "other_phone_wide": str(who["other_phone"]).translate({48 + digit: 0xFF10 + digit for digit in range(10)}),
        "other_phone_joined": "\u200d".join(str(who["other_phone"])),
        "email_base64": base64.b64encode(email.encode()).decode(),
        "email_url": urllib.parse.quote(email, safe="").replace(".", "%2E"),
        "email_hex": email.encode().hex(),
    }
    assert kind in kinds(spoiled.plant("notes", "body", 0, text.format(**who, **spellings)).judge())


def test_a_leak_in_a_kept_column_blocks_though_its_constraint_holds(tmp_path: Path) -> None:
    rules = yaml.safe_load(POLICY.read_text())
    rules["tables"]["orders"]["columns"]["sku"]["keep"]["regex"] = r"(SKU-)?[+0-9]{4,14}"
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(rules))
    made = make(tmp_path, rules=tmp_path / "policy.yaml")
    leaky = made.plant("orders", "sku", 3, person(made)["other_phone"])
    assert {"phone", "original"} <= kinds(leaky.judge())


# ---- free text


def test_a_text_that_changed_outside_its_spans_blocks(spoiled: Quarantine) -> None:
    body = spoiled.frame("notes")["body"]
    spoiled.put("notes", "body", 0, f"{body[0]} and more")
    assert "span" in kinds(spoiled.judge())


def test_a_span_log_that_claims_everything_hides_nothing(masked: Quarantine, spoiled: Quarantine) -> None:
    raw, body = masked.frame("notes", "raw")["body"], masked.frame("notes")["body"]
    row = (raw == body).arg_true()[0]

    def claim(log: pl.DataFrame) -> pl.DataFrame:
        length = len(raw[row])
        more = {"start": 0, "end": length, "masked_start": 0, "masked_end": length, "kind": "email"}
        tag = oracle.Oracle(MASTER).span_tag(raw[row])
        return pl.concat([log, pl.DataFrame([{"note_id": row + 1, **more, "original_hmac": tag}], schema=log.schema)])

    assert "span" in kinds(spoiled.change_spans("notes.body", claim).judge())


def test_a_span_whose_mask_is_another_value_blocks(spoiled: Quarantine) -> None:
    log = pl.read_parquet(spoiled.folder / "spans" / "notes.body.parquet").filter(pl.col("kind") == "email")
    note, start, end = log.select("note_id", "masked_start", "masked_end").row(0)
    body = spoiled.frame("notes")["body"][note - 1]
    forged = f"{body[:start]}u{'0' * 16}@example.com{body[end:]}"
    assert "span" in kinds(spoiled.put("notes", "body", note - 1, forged).judge())


def test_a_text_masked_without_a_log_blocks(spoiled: Quarantine) -> None:
    assert "span" in kinds(spoiled.change_spans("notes.body", lambda log: log.head(1)).judge())


def test_a_log_of_rows_that_are_not_there_blocks(spoiled: Quarantine) -> None:
    spoiled.change_spans("notes.body", lambda log: log.with_columns(pl.col("note_id") + 1_000_000))
    assert "check-failed" in kinds(spoiled.judge())


# ---- exceptions


def with_exception(path: Path, until: str) -> Path:
    rules = yaml.safe_load(POLICY.read_text())
    said = {"owner": "data-team", "until": until, "why": "the shop's own number"}
    rules["exceptions"] = [{"column": "notes.body", "finding": "card", **said}]
    path.write_text(yaml.safe_dump(rules))
    return path


def test_an_exception_accepts_its_finding_and_ends_the_attestation_with_it(tmp_path: Path) -> None:
    rules = with_exception(tmp_path / "policy.yaml", "2025-06-03")
    verdict = make(tmp_path, rules=rules).plant("notes", "body", 0, CARD).judge()
    assert verdict.findings == []
    assert verdict.passed
    assert verdict.attestation is not None
    assert verdict.attestation["body"]["expires_at"].startswith("2025-06-03")
    assert verdict.exceptions[0]["owner"] == "data-team"


def test_an_exception_that_has_ended_accepts_nothing(tmp_path: Path) -> None:
    rules = with_exception(tmp_path / "policy.yaml", "2025-05-31")
    assert "card" in kinds(make(tmp_path, rules=rules).plant("notes", "body", 0, CARD).judge())
