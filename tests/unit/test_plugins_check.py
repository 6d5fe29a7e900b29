"""What is told of a plugin without running it. Secret-shaped texts are put together here: none stands in a file."""

import json
import shutil
from pathlib import Path

import pytest

from sandbox_suite.plugins import catalog, check, leaks, package, signature

RANDOM = "q7Zt" + "4kV9" + "xW2m" + "L8rB"
START = "entry: python3\n  args: [backend/server"
EXAMPLES = [catalog.EXAMPLES / "customer-desk-python", catalog.EXAMPLES / "customer-desk-node"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLES[0], tmp_path / "desk")
    return tmp_path / "desk"


def ids(folder: Path) -> set[tuple[str, str]]:
    return {(finding.id, finding.severity) for finding in check.plugin(folder)[0]}


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "plugin.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_nothing_is_found_on_the_examples(example: Path) -> None:
    assert check.plugin(example)[0] == []


def test_both_examples_have_the_same_migrations() -> None:
    python, node = (
        {file.name: file.read_bytes() for file in (example / "migrations").iterdir()} for example in EXAMPLES
    )
    assert python == node


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN " + "PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA" + "x" * 20,
        "key = 'AKIA" + "ABCDEFGHIJKLMNOP'",
        "g = ghp_" + "a1B2" * 9,
        f'password: "{RANDOM}"',
        f"const API_KEY = '{RANDOM}';",
        f"DB_PASSWORD={RANDOM}",
        f"clientSecret: {RANDOM}  # for now",
        f"url = 'postgres://desk:{RANDOM}@db/x'",
        f'{{"api_token": "{RANDOM}"}}',
    ],
)
def test_a_hard_coded_secret_is_an_error_with_its_line_and_without_its_value(folder: Path, text: str) -> None:
    (folder / "backend" / "more.txt").write_text(f"# one\n# two\n{text}\n")
    found = check.plugin(folder)[0]
    assert {(finding.id, finding.severity) for finding in found} == {("plugin-secret-hard-coded", "error")}
    assert found[0].place == "backend/more.txt:3"
    assert RANDOM not in str(found)


@pytest.mark.parametrize(
    "text",
    [
        "password = os.environ['DESK_PASSWORD']",
        "const token = request.headers.authorization;",
        "dsn: postgres://desk:${DB_PASSWORD}@db:5432/desk",
        "postgres://role:<password>@database:5432/sandbox",
        "password: changeme",
        "secret: secret://sandbox/mask",
        "tokenizer = 'cl100k_base_v2_large'",
        "API_KEY=${API_KEY:-}",
        "password_hash = hashlib.sha256(data).hexdigest()",
        "sha256: 681721b14160bdc35f7a794300000000681721b14160bdc35f7a794300000000",
        "token = secrets.token_urlsafe(32)",
        "const secretName = 'the-name-of-the-secret';",
    ],
)
def test_what_only_speaks_of_secrets_is_none(text: str) -> None:
    assert list(leaks.scan(text.encode())) == []


def test_binary_files_are_not_searched() -> None:
    assert list(leaks.scan(b"\0password='" + RANDOM.encode() + b"'")) == []


def test_code_of_others_gives_warnings_only(folder: Path) -> None:
    (folder / "node_modules" / "x").mkdir(parents=True)
    (folder / "node_modules" / "x" / "test.pem.txt").write_text("-----BEGIN " + "PRIVATE KEY-----\n" + "A" * 40)
    (folder / "node_modules" / "x" / "server.key").write_text("x")
    assert {severity for _, severity in ids(folder)} == {"warning"}


@pytest.mark.parametrize("name", [".env", "backend/id_rsa", "tls/server.key", "store.p12"])
def test_files_that_hold_secrets_by_nature_are_errors(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")
    assert ids(folder) == {("plugin-secret-file", "error")}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("DB_POOL_SIZE: 4", f"DESK_SECRET: {RANDOM}", {("plugin-secret-fixed", "error")}),
        ("DB_POOL_SIZE: 4", f"DESK_SECRET: ${{DESK_SECRET:-{RANDOM}}}", {("plugin-secret-fixed", "error")}),
        ("DB_POOL_SIZE: 4", "DESK_SECRET: ${DESK_SECRET}", {("plugin-variable-empty", "note")}),
        ("DB_POOL_SIZE: 4", "DESK_TOKEN_LIFETIME: 3600", set()),
        (START, "entry: python3\n  args: [backend/gone", {("plugin-entry-missing", "error")}),
        (START, "entry: ruby\n  args: [backend/server", {("plugin-entry-missing", "error")}),
        (START, "entry: backend/server.py\n  args: [x", {("plugin-entry-not-executable", "error")}),
        ("workdir: .", "workdir: elsewhere", {("plugin-entry-missing", "error")}),
        ('":__POWERX_DYNAMIC_PORT__"', '":9000"', {("plugin-port-differs", "error")}),
        ("enabled: true", "enabled: false", {("plugin-signature-off", "note")}),
    ],
)  # fmt: skip
def test_the_manifest_is_compared_with_the_files_and_the_checklist(
    folder: Path, old: str, new: str, expected: set[tuple[str, str]]
) -> None:
    change(folder, old, new)
    assert {(mark, severity) for mark, severity in ids(folder) if mark != "plugin-secret-hard-coded"} == expected


def test_a_plugin_without_declared_health_is_warned_of(folder: Path) -> None:
    change(folder, "  health:\n    http: /healthz\n    interval: 10s\n    timeout: 3s\n", "")
    change(folder, "  health: /healthz\n", "")
    assert ids(folder) == {("plugin-health-undeclared", "warning")}


def test_a_check_of_a_package_proves_its_signature_and_hash(folder: Path, tmp_path: Path) -> None:
    packed = package.pack(folder, tmp_path, signature.signing_key(tmp_path))
    found, facts = check.look(packed.path, tmp_path)
    assert (found, facts["digest"]) == ([], packed.digest)
    found, facts = check.look(packed.path, tmp_path / "another home")
    assert [finding.id for finding in found] == ["plugin-package-refused"]
    assert "digest" not in facts


def test_a_check_of_nothing_says_so(tmp_path: Path) -> None:
    found, facts = check.look(tmp_path / "gone", tmp_path)
    assert [finding.id for finding in found] == ["plugin-unknown"]
    assert json.dumps(facts)
