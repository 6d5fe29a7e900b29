"""Free text of the example data set: what support agents write, with personal data in about two notes of five."""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox_suite.datasets.example import ids

PLAIN = {
    "en": (
        "Asked about delivery times, answered.",
        "Refund approved by team lead.",
        "Parcel returned, reason 12.",
        "Wants the invoice again.",
    ),
    "de": ("Frage zur Lieferzeit beantwortet.", "Gutschrift freigegeben.", "Paket ging zurück, Grund 7."),
    "fr": ("Question sur la livraison, répondu.", "Remboursement accepté.", "Colis retourné le 12/03."),
    "es": ("Pregunta por el plazo de entrega.", "Devolución aceptada.", "Pedido cambiado, talla 42."),
    "zh": (
        "客户询问发货时间，已答复。",
        "同意退款，等待财务处理。",
        "包裹已退回，原因是尺寸不符。",
        "希望重新开具发票。",
    ),
}
PERSONAL = {
    "en": (
        "{full_name} called, ring back on {phone}.",
        "Write to {email} instead of the old address.",
        "Identity checked with {national_id}, all fine.",
        "Hi, this is {full_name}, my card {card} was charged twice. Mail: {email}",
        "Refund to {iban} please, regards {full_name}",
    ),
    "de": (
        "Rückruf an {full_name} unter {phone} erbeten.",
        "Neue Adresse: {email}, bitte ändern.",
        "Erstattung auf {iban}, Inhaber {full_name}.",
        "Steuer-ID {national_id} geprüft.",
    ),
    "fr": (
        "Rappeler {full_name} au {phone}.",
        "Écrire à {email} désormais.",
        "Virement vers {iban} demandé.",
        "Numéro {national_id} vérifié.",
    ),
    "es": (
        "Llamar a {full_name} al {phone}.",
        "Nuevo correo: {email}.",
        "Abono en {iban}, titular {full_name}.",
        "DNI {national_id} comprobado.",
    ),
    "zh": (
        "客户{full_name}来电，请回拨{mobile}。",
        "身份证号{national_id}已核对。",
        "新邮箱：{email}，请更新。",
        "{full_name}的银行卡{card}重复扣款，联系电话{phone}。",
    ),
}
LANGUAGE = {"US": "en", "GB": "en", "DE": "de", "FR": "fr", "ES": "es", "CN": "zh"}
SHARE = 0.4  # of notes with personal data


def bodies(random: np.random.Generator, about: pl.DataFrame) -> pl.Series:
    """Return one text per row of `about` (full_name, email, phone, national_id, country)."""
    count = len(about)
    facts = about.with_columns(
        pl.col("phone").str.slice(3).alias("mobile"),  # Chinese numbers are often written without +86
        pl.Series("card", ids.cards(random, count)),
        pl.Series("iban", _ibans(random, about["country"])),
    )
    language = about["country"].replace_strict(LANGUAGE).to_numpy()
    personal, draw = random.random(count) < SHARE, random.integers(0, 1 << 30, count)
    out = np.empty(count, dtype=object)
    for tongue in PLAIN:
        for texts, wanted in ((PLAIN[tongue], False), (PERSONAL[tongue], True)):
            at = np.flatnonzero((language == tongue) & (personal == wanted))
            for number, text in enumerate(texts):
                chosen = at[draw[at] % len(texts) == number]
                out[chosen] = _fill(text, facts[chosen])
    return pl.Series(out, dtype=pl.String)


def _fill(template: str, facts: pl.DataFrame) -> list[str]:
    return [template.format(**row) for row in facts.iter_rows(named=True)]


def _ibans(random: np.random.Generator, country: pl.Series) -> list[str]:
    """Return an IBAN per row, of the row's country where it has them, else a German one; spaced in every third row."""
    has = country.to_numpy()
    out = np.empty(len(country), dtype=object)
    for name in ids.BANKS:
        at = np.flatnonzero((has == name) | ((name == "DE") & np.isin(has, ["US", "CN"])))
        out[at] = ids.ibans(random, name, len(at))
    return [_spaced(text) if number % 3 == 0 else text for number, text in enumerate(out.tolist())]


def _spaced(text: str) -> str:
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
