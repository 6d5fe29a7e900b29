"""summary.md: a report as the page of a CI job shows it. Pure.

All that scripts said stands in code spans: no markup, link, image or mention of theirs works.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox_suite.reports.page import worst_first
from sandbox_suite.reports.wording import (
    NAMES,
    VERDICTS,
    bound,
    change,
    counted,
    measure,
    milliseconds,
    seconds,
)

MOST = 30  # problems told one by one
REASONS = 20
LONGEST = 200  # characters of a message
SIGNS = {"passed": "✅", "regressed": "❌", "incomplete": "⚠️", "blocked": "⛔"}


def summary(content: Mapping[str, Any]) -> str:
    """Return the Markdown made of what report.json holds."""
    return "\n".join([*_head(content), *_figures(content), *_problems(content), *_rest(content)]) + "\n"


def _head(content: Mapping[str, Any]) -> Iterator[str]:
    plugin, dataset, verdict = content["plugin"], content["dataset"], content["verdict"]
    yield f"## {SIGNS.get(verdict, '')} {VERDICTS.get(verdict, verdict)}: plan {code(content['plan']['name'])}"
    yield ""
    yield (
        f"{code(plugin['id'] + ' ' + plugin['version'])} on {code(dataset['name'] + '@' + dataset['version'])},"
        f" for tenant {code(content['tenant'])}, job {code(content['job'])}"
    )
    yield ""
    for reason in content["reasons"][:REASONS]:
        yield f"- {code(reason)}"
    if len(content["reasons"]) > REASONS:
        yield f"- and {len(content['reasons']) - REASONS} more, in `report.json`"
    yield ""


def _figures(content: Mapping[str, Any]) -> Iterator[str]:
    yield "| | required | measured | |"
    yield "|---|--:|--:|---|"
    for item in content["thresholds"]:
        word = {None: "not checked", True: "✓ kept", False: "✗ missed"}[item["kept"]]
        required, measured = measure(item["required"], item["name"]), measure(item["measured"], item["name"])
        yield f"| {NAMES.get(item['name'], item['name'])} | {bound(item['name'])} {required} | {measured} | {word} |"
    yield ""
    counts = ", ".join(f"{number} {outcome}" for outcome, number in content["counts"].items() if number)
    latency, baseline = content["latency"], content.get("baseline")
    against = f" ({change(latency['p95_ms'], baseline['latency'].get('p95_ms'))} against baseline)" if baseline else ""
    p50, p95 = milliseconds(latency["p50_ms"]), milliseconds(latency["p95_ms"])
    yield f"Cases: {counts or 'none'}. Latency p50 {p50}, p95 {p95}{against}."
    proved = sum(row["state"] == "proved" for row in content["rows"])
    failed = [row["row"] for row in content["rows"] if row["state"] == "failed"]
    open_ = [row["row"] for row in content["rows"] if row["state"] == "not checked"]
    elsewhere = sum(row["state"] == "not applicable" for row in content["rows"])
    also = f", {elsewhere} not applicable" if elsewhere else ""
    also += f"; failed: {', '.join(failed)}" if failed else ""
    also += f"; not checked: {', '.join(open_)}" if open_ else ""
    yield from _performance(content.get("performance"))
    yield f"Checklist: {proved} of {counted(len(content['rows']), 'row')} proved{also}."
    yield ""


def _performance(told: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield what a baseline advises; nothing where there is none."""
    interleaved = (told or {}).get("interleaved")
    if interleaved:
        evidence, other = interleaved["evidence"], code(interleaved["baseline_plugin"])
        shift = change(evidence["ratio"], 1) if evidence["ratio"] else "–"
        yield f"Interleaved with {other}: {evidence['finding']}, {shift} over {counted(evidence['pairs'], 'pair')}."
    if not told or not told["against"]:
        return
    against = code(f"{told['against']['plugin']} {told['against']['version']}")
    yield f"Performance, advice only: {told['advice']} against {against}, {counted(told['against']['runs'], 'run')}."
    if told["reasons"]:
        yield ""
        yield from (f"- {code(reason)}" for reason in told["reasons"])
        yield ""


def _problems(content: Mapping[str, Any]) -> Iterator[str]:
    problems = worst_first(content["cases"])
    if not problems:
        return
    yield "### What did not simply pass"
    yield ""
    yield "| case | outcome | time | what it said |"
    yield "|---|---|--:|---|"
    for case in problems[:MOST]:
        outcome = "flaky" if case["flaky"] else case["outcome"]
        critical = " (critical)" if case["critical"] else ""
        said = code(case["message"].partition("\n")[0]) if case["message"] else ""
        yield f"| {code(case['id'])}{critical} | {outcome} | {milliseconds(case['seconds'] * 1000)} | {said} |"
    if len(problems) > MOST:
        yield ""
        yield f"and {len(problems) - MOST} more, in the report."
    yield ""


def _rest(content: Mapping[str, Any]) -> Iterator[str]:
    for note in content.get("notes", [])[:REASONS]:
        yield f"- {code(note)}"
    yield ""
    yield "<details><summary>Steps, proof and audit</summary>"
    yield ""
    yield "| step | outcome | took |"
    yield "|---|---|--:|"
    for step in content["steps"]:
        yield f"| {code(step['name'])} | {step['outcome']} | {seconds(step['seconds'])} |"
    yield ""
    equal = sum(proof["equal"] for proof in content["dataset"]["proofs"])
    yield f"Dataset digest {code(content['dataset']['digest'])}: {_proved(content['dataset']['proofs'], equal)}."
    audit = content["audit"]
    words = "equals what was done" if audit["complete"] else "differs from what was done"
    yield f"Audit log: {counted(audit['records'], 'record')}, {words}, head {code(audit['head'])}."
    yield ""
    yield "</details>"


def _proved(proofs: Sequence[Any], equal: int) -> str:
    return (
        f"{equal} of {counted(len(proofs), 'table')} proved equal in the sandbox" if proofs else "no table was proved"
    )


def code(text: str) -> str:
    """Return a text as one code span that can stand in a table, whatever it holds."""
    line = re.sub(r"\s+", " ", text).strip()
    line = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line.replace('|', chr(92) + '|')}{pad}{fence}" if line else ""
