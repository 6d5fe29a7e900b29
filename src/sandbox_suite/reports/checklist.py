"""The host's plugin security checklist, S-01 to S-20: each row's state, and where its proof comes from. Pure.

Proof comes from the sandbox's verification, from the package alone (`plugin.check`), from cases that the plan names for
a row or that are tagged with it, from what was collected (logs, stored secrets), and from the audit log. A row is
failed where one source says so, not checked where one that was promised has no answer, proved where one proves it,
and else not applicable, with the reason.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sandbox_suite.regression.results import Case
from sandbox_suite.verification.model import ROWS, Verification

State = Literal["proved", "failed", "not checked", "not applicable"]
TITLES = {
    **ROWS,
    "S-03": "No secret is hard-coded; values are injected",
    "S-05": "APIs check tenant and permission",
    "S-08": "No sensitive data in logs",
    "S-10": "Stored secrets are encrypted",
    "S-12": "Key actions are audited",
    "S-19": "Security headers are sent",
}
NAMES = tuple(f"S-{number:02}" for number in range(1, 21))
ELSEWHERE = "A row of the host's own review"
NOT_OURS = "asks nothing of a sandbox; a plan may name cases for it"
PROMISED = {
    "S-05": "no case of the plan is named for it, or tagged with it",
    "S-19": "no case of the plan is named for it, or tagged with it",
}
NAMED = 5  # cases or places that a proof names before it only counts
WORST_FIRST: tuple[State, ...] = ("failed", "not checked", "proved", "not applicable")


@dataclass(frozen=True)
class Proof:
    """What one source says of a row. `source`: verification, plugin.check, cases, logs, database, audit or host."""

    row: str
    source: str
    state: State | Literal["noted"]  # noted: worth knowing, and no proof
    says: str


@dataclass(frozen=True)
class Row:
    """A row of the checklist."""

    row: str
    title: str
    state: State
    proofs: tuple[Proof, ...]

    @property
    def line(self) -> str:
        """Return the row and what failed in it."""
        said = "; ".join(proof.says for proof in self.proofs if proof.state == "failed")
        return f"{self.row} {self.title}: {said}"


def rows(proofs: Iterable[Proof]) -> tuple[Row, ...]:
    """Return every row, made of all that was found."""
    of: dict[str, list[Proof]] = {name: [] for name in NAMES}
    for proof in proofs:
        if proof.row in of:
            of[proof.row].append(proof)
    return tuple(_row(name, found) for name, found in of.items())


def _row(name: str, found: list[Proof]) -> Row:
    states = {proof.state for proof in found} - {"noted"}
    if not states:
        known = name in TITLES
        says = PROMISED.get(name, "nothing was found that speaks of it") if known else NOT_OURS
        found = [*found, Proof(name, "plan" if known else "host", "not checked" if known else "not applicable", says)]
        states = {found[-1].state}
    state = next(state for state in WORST_FIRST if state in states)
    return Row(name, TITLES.get(name, ELSEWHERE), state, tuple(found))


def of_verification(verification: Verification | None) -> Iterable[Proof]:
    """Yield what the sandbox's own checks say."""
    for name, state in (verification.rows if verification else {}).items():
        checks = [check for check in verification.checks if check.row == name] if verification else []
        failed = [check.name for check in checks if check.outcome in ("failed", "error")]
        skipped = [check.message for check in checks if check.outcome == "skipped"]
        passed = sum(check.outcome == "passed" for check in checks)
        says = f"{passed} of {len(checks)} checks of the sandbox passed" if passed else _listed(skipped)
        says = f"{len(failed)} of {len(checks)} checks failed: {_listed(failed)}" if failed else says
        yield Proof(name, "verification", state, says)


def of_cases(cases: Sequence[Case], named: Mapping[str, Sequence[str]]) -> Iterable[Proof]:
    """Yield what cases say: those that the plan names for a row, and those that are tagged with it."""
    wanted = {row: set(ids) for row, ids in named.items()}
    for case in cases:
        for tag in case.tags:
            if re.fullmatch(r"S-[0-9]{2}", tag):
                wanted.setdefault(tag, set()).add(case.id)
    outcomes = {case.id: case.outcome for case in cases}
    for row, ids in sorted(wanted.items()):
        failed = sorted(one for one in ids if outcomes.get(one) == "failed")
        open_ = sorted(one for one in ids if outcomes.get(one) not in ("passed", "failed"))
        if failed:
            yield Proof(row, "cases", "failed", f"{len(failed)} of {len(ids)} cases failed: {_listed(failed)}")
        elif open_:
            yield Proof(row, "cases", "not checked", f"no answer of {len(open_)} of {len(ids)} cases: {_listed(open_)}")
        else:
            yield Proof(row, "cases", "proved", f"{len(ids)} cases passed: {_listed(sorted(ids))}")


def of_audit(records: int, complete: bool) -> Proof:
    """Return what the audit log says of S-12: every action on the plugin in it, the chain whole."""
    if complete:
        return Proof("S-12", "audit", "proved", f"{records} records: each task, step and command, in an unbroken chain")
    return Proof("S-12", "audit", "failed", "the audit log differs from what was done")


def of_logs(files: int, lines: int, found: Mapping[str, Sequence[str]]) -> Proof:
    """Return what the plugin's logs say of S-08. `found`: kind of sensitive data -> places, never a value."""
    if not files:
        return Proof("S-08", "logs", "not checked", "the plugin left no log")
    if not found:
        return Proof("S-08", "logs", "proved", f"no secret or personal data in {lines} lines of {files} files")
    kinds = "; ".join(f"{kind} in {len(places)} lines ({_listed(places)})" for kind, places in sorted(found.items()))
    return Proof("S-08", "logs", "failed", kinds)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
