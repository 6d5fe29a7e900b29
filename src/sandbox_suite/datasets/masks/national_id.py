"""National ids: enciphered inside the set of valid ids, with the check digits of the result. One-to-one.

A form says which part of an id is enciphered, which numbers are possible there, and how the check digits are made.
Tagged: each form moves its result to where its authority never issues one, and cites why. One-to-one too, but for US
and DE, whose unissued ranges are smaller than the issued ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox_suite.datasets.masks import (
    coded,
    national_id_br,
    national_id_cn,
    national_id_de,
    national_id_es,
    national_id_fr,
    national_id_gb,
    national_id_it,
    national_id_nl,
    national_id_pl,
    national_id_us,
)

FORMS: Mapping[str, coded.Forms] = {
    "US": national_id_us.FORMS,
    "GB": national_id_gb.FORMS,
    "DE": national_id_de.FORMS,
    "FR": national_id_fr.FORMS,
    "ES": national_id_es.FORMS,
    "IT": national_id_it.FORMS,
    "NL": national_id_nl.FORMS,
    "PL": national_id_pl.FORMS,
    "BR": national_id_br.FORMS,
    "CN": national_id_cn.FORMS,
}
_NATIONAL_ID = coded.Coded(FORMS, "national_id", "country")
vector, scalar, codomain = _NATIONAL_ID.vector, _NATIONAL_ID.scalar, _NATIONAL_ID.codomain
