"""Makes the pools anew: `python -m sandbox_suite.datasets.pools.make`. Changes pseudonyms: raise the kernel's version.

Every list is a spread of the sorted words, so that it holds the whole alphabet.
"""

from __future__ import annotations

import re
from importlib import resources

from sandbox_suite.datasets import example
from sandbox_suite.datasets.pools import FOLDER, LANGUAGES

PLACES = 997
SIZES = {"given": 397, "family": 499, "street": 307, "city": 211}
FOLDERS = {"pt": "pt-br"}
WORD = re.compile(r"[^\W\d_][\w '’.\-]*")


def main() -> None:
    """Write every pool into the folder of this package."""
    for language in LANGUAGES:
        for kind, size in SIZES.items():
            if (language, kind) == ("zh", "city"):
                continue  # a Chinese address begins with a place: province, city and district that go together
            _write(f"{kind}.{language}", _spread(_words(language, kind), size))
    _write("region.cn", _regions())
    _write("place.zh", _spread(_places(), PLACES))


def _words(language: str, kind: str) -> list[str]:
    found = example.pool(FOLDERS.get(language, language), kind)
    longest = {"zh": 3 if kind in ("given", "family") else 12}.get(language, 32)
    return [word for word in found if WORD.fullmatch(word) and len(word) <= longest]


def _spread(words: list[str], size: int) -> list[str]:
    return words if len(words) <= size else [words[i * len(words) // size] for i in range(size)]


def _regions() -> list[str]:
    """Return the county codes that were never given up, so that they go with any birth date."""
    found, province = [], ""
    for line in (resources.files("stdnum") / "cn" / "loc.dat").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"(\d\d) province", line):
            province = match[1]
        elif (match := re.match(r' +(\d{4}) county="([^"\[]*)"', line)) and not match[1].endswith("00"):
            found.append(province + match[1])
    return sorted(found)


def _places() -> list[str]:
    """Return today's districts and counties of China behind their province and city, as an address begins."""
    found, province, cities = [], "", dict[str, str]()
    for line in (resources.files("stdnum") / "cn" / "loc.dat").read_text(encoding="utf-8").splitlines():
        if match := re.match(r'(\d\d) province="([^"]*)"', line):
            province, cities = match[2], {}
        elif match := re.match(r' +(\d\d)(\d\d) county="([^"]*)"', line):
            name = _today(match[3])
            if match[2] == "00":
                cities[match[1]] = name if name.endswith(("市", "州", "盟", "地区")) else ""
            elif name and not name.endswith(("市辖区", "直辖")):
                found.append(province + cities.get(match[1], "") + name)
    return sorted(set(found))


def _today(names: str) -> str:
    """Return the name that holds today of `[-1986]one,[1986-]other`, empty where none does."""
    last = names.rpartition(",")[2]
    return re.sub(r"^\[\d*-\]", "", last) if not re.match(r"\[\d*-\d+\]", last) else ""


def _write(pool: str, words: list[str]) -> None:
    (FOLDER / f"{pool}.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")


if __name__ == "__main__":
    main()
