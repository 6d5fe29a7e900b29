"""Redaction: what is secret-shaped is hidden, however it is written; looking for words first changes nothing."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from sandbox_suite.core.redaction import HIDDEN, SHAPES, Redactor

PIECES = (
    *("password", "PASSWD", "paſſword", "token", "api_key", "APİKEY", "secret", ":", "=", " ", "Bearer", "://", "@"),
    *("a", "0123456789", "\n", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "postgres", "ß", "'"),
)


def everywhere(text: str) -> str:
    """Every shape tried on every text."""
    for _, shape, shown in SHAPES:
        text = shape.sub(shown, text)
    return text


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@example("paſſword=" + "x1")
def test_looking_for_words_first_hides_exactly_what_the_shapes_hide(text: str) -> None:
    assert Redactor()(text) == everywhere(text)


def test_every_shape_is_hidden() -> None:
    value = "".join(["hun", "ter2", "hunter2"])
    for text in (
        f"postgres://role:{value}@database/x", f"Authorization: Bearer {value}", f"api-{value} apikey={value}",
        f"{{\"token\": \"{value}\"}}", f"-----BEGIN RSA PRIVATE KEY-----\n{value}\n-----END RSA PRIVATE KEY-----",
    ):  # fmt: skip
        assert HIDDEN in Redactor()(text)
    assert Redactor([value])(f"({value})") == f"({HIDDEN})"
    assert not re.search(value, Redactor([value])(value * 3))
