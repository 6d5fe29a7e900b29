"""What a column's name or comment says: words of several languages, and those that take it back (`email_count`)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping

from sandbox_suite.datasets.detection.vocabulary import FOLDER

COMMENTS: Mapping[str, str] = {  # in comments, where every script may stand
    "email": r"e-?mail|邮箱|郵箱|邮件地址|courriel|correo electr",
    "name": r"full name|first name|last name|surname|姓名|客户名|名字|vor- und nachname|nachname|apellidos",
    "phone": r"phone|mobile number|手机|手機|电话|電話|telefon|téléphone",
    "card": r"card number|银行卡|信用卡|kreditkart",
    "iban": r"\biban\b",
    "national_id": r"national id|social security|身份证|身份證|identity (?:card|number)|ausweis|personal number",
    "address": r"\b(?:postal|home|street|shipping|billing) address|住址|地址|anschrift|adresse",
    "date_of_birth": r"date of birth|birth ?da(?:te|y)|生日|出生|geburtsdatum",
    "ip": r"\bip address|ip地址",
    "mac": r"\bmac address",
    "secret": r"password|secret|api key|access token|密码|密碼|passwort",
}
ABOUT = {"email_id", "address_id", "phone_id", "mail_id", "card_id", "token_id", "street_id"}  # keys of other tables


@functools.cache
def _words() -> Mapping[str, tuple[str, ...]]:
    """Return {kind: what columns of it are called}; `back` takes a name back, `people` are tables of people."""
    import yaml

    content = yaml.safe_load((FOLDER / "columns.yaml").read_text(encoding="utf-8"))
    return {kind: tuple(phrases.split()) for kind, phrases in content.items()}


def by_name(column: str, table: str = "") -> Iterator[tuple[str, str]]:
    """Yield (kind, words of the name) that a column's name stands for; `name` alone does in a table of people."""
    joined = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower().strip("_")
    known = dict(_words())
    back, people = known.pop("back"), known.pop("people")
    if joined in ABOUT or set(back) & set(joined.split("_")):
        return
    if joined == "name" and table.lower().rstrip("s") in people:
        yield "name", f"{table}.name"
    for kind, phrases in known.items():
        found = [phrase for phrase in phrases if re.search(rf"(?:^|_){phrase}(?:_?[0-9]+)?(?:_|$)", joined)]
        if found:
            yield kind, max(found, key=len)


def by_comment(comment: str) -> Iterator[str]:
    """Yield the kinds that a comment speaks of."""
    for kind, pattern in COMMENTS.items():
        if re.search(pattern, comment, re.IGNORECASE):
            yield kind
