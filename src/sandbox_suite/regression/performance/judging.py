"""A run held against a baseline: an advisory verdict with its evidence. Pure.

A stored baseline was measured at another time: the machine may have been busier, so what lies outside its noise is
advice and no verdict. Two things are looked at.

- **Latency, case by case.** Each case's time against its median over the baseline's runs, all of them as pairs
  (`paired`). How far that shift strays by itself is known from the baseline's runs, each held against the others.
- **Every figure** against the band in which the baseline's runs lie (`noise`).

Worse is what lies outside its band, and beyond the plan's relative threshold (`latency_rise`, `api_p95_rise`, ...).
"""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sandbox_suite.regression.performance import noise, paired
from sandbox_suite.regression.performance.baseline import Baseline
from sandbox_suite.regression.performance.figures import FIGURES, Figure

Standing = Literal["worse", "better", "within noise", "not known"]
Advice = Literal["worse", "better", "as before", "not known"]
LATENCY_RISE = 0.05  # shares: thresholds where the plan has none
FIGURE_RISE = 0.10
STRAY_PAIRS = 300  # of each run of a baseline: how far it strays needs no narrow interval
SLOWEST = 10  # cases that are named


@dataclass(frozen=True)
class Held:
    """A figure and what it is held against. `change` and `allowed` are shares; None: there is nothing to hold it to."""

    name: str
    title: str
    value: float | None
    middle: float | None = None
    low: float | None = None
    high: float | None = None
    change: float | None = None
    allowed: float | None = None
    standing: Standing = "not known"


@dataclass(frozen=True)
class Latency:
    """All cases as pairs with the baseline's medians. Ratios: 1.1 is a tenth slower; `band` is its noise."""

    evidence: paired.Evidence
    band: tuple[float, float] | None
    allowed: float
    standing: Standing
    cases: tuple[tuple[str, float, float], ...]  # id, baseline's median, this run's: milliseconds; most slowed first


@dataclass(frozen=True)
class Performance:
    """What was measured, and what it is next to the baseline."""

    figures: tuple[Held, ...]
    latency: Latency | None = None
    baseline: Baseline | None = None
    machine: str = ""
    interleaved: Mapping[str, Any] | None = None  # what `suite.against` found, if it was asked

    @property
    def slower(self) -> tuple[str, ...]:
        """Return the sentence of a firm finding: it was interleaved with another version, and is slower."""
        told = self.interleaved
        evidence = (told or {}).get("evidence") or {}
        if not told or evidence.get("finding") != "slower":
            return ()
        shift, low, high = (_percent(evidence[name] - 1) for name in ("ratio", "low", "high"))
        pairs = f"latency over {evidence['pairs']} pairs is {shift} ({low} to {high})"
        return (f"{pairs} against {told['baseline_plugin']}, interleaved",)

    @property
    def advice(self) -> Advice:
        """Return the advisory verdict."""
        standings = {held.standing for held in self.figures} | ({self.latency.standing} if self.latency else set())
        if "worse" in standings:
            return "worse"
        if self.latency and self.latency.standing == "better":
            return "better"
        return "as before" if standings & {"within noise", "better"} else "not known"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return what is worse, a sentence each."""
        return tuple(_reasons(self))

    def as_dict(self) -> dict[str, Any]:
        """Return what report.json holds of it."""
        told = self.baseline
        return {
            "advice": self.advice,
            "reasons": list(self.reasons),
            "machine": self.machine,
            "figures": [asdict(held) for held in self.figures],
            "interleaved": dict(self.interleaved) if self.interleaved else None,
            "latency": None if self.latency is None else _latency_as_dict(self.latency),
            "against": None if told is None else {
                "plugin": told.plugin, "version": told.version, "digest": told.plugin_digest, "runs": len(told.runs),
                "dataset": told.dataset, "machine": told.machine, "accepted": asdict(told.accepted),
            },
        }  # fmt: skip


def judge(
    cases: Mapping[str, float],
    figures: Mapping[str, float | None],
    baseline: Baseline | None,
    thresholds: Mapping[str, float],
    machine: str = "",
) -> Performance:
    """Hold a run against a baseline. `cases`: id -> milliseconds of those that passed; `thresholds`: the plan's."""
    held = tuple(_figure(figure, figures.get(figure.name), baseline, thresholds) for figure in FIGURES)
    latency = _latency(cases, baseline, thresholds.get("latency_rise", LATENCY_RISE)) if baseline else None
    return Performance(held, latency, baseline, machine)


def _figure(figure: Figure, value: float | None, baseline: Baseline | None, thresholds: Mapping[str, float]) -> Held:
    earlier = baseline.figures(figure.name) if baseline else []
    if value is None or not earlier:
        return Held(figure.name, figure.title, value)
    middle = statistics.median(earlier)
    allowed = thresholds.get(figure.relative, FIGURE_RISE)
    found = noise.band(earlier, allowed * middle)
    change = None if not middle else value / middle - 1
    held = Held(figure.name, figure.title, value, middle, change=change, allowed=allowed)
    if found is None:
        return held
    above, below = value > found.high, value < found.low
    worse, better = (below, above) if figure.more_is_better else (above, below)
    standing: Standing = "worse" if worse else "better" if better else "within noise"
    return Held(figure.name, figure.title, value, middle, max(0.0, found.low), found.high, change, allowed, standing)


def _latency(cases: Mapping[str, float], baseline: Baseline, allowed: float) -> Latency | None:
    profile = medians(run.cases for run in baseline.runs)
    common = sorted(cases.keys() & profile.keys())
    if not common:
        return None
    evidence = paired.compare([profile[case] for case in common], [cases[case] for case in common], allowed)
    found = band(baseline, allowed)
    slowest = sorted(common, key=lambda case: cases[case] / max(profile[case], 1e-6), reverse=True)[:SLOWEST]
    return Latency(
        evidence, found, allowed, _standing(evidence, found),
        tuple((case, round(profile[case], 3), round(cases[case], 3)) for case in slowest),
    )  # fmt: skip


def _standing(evidence: paired.Evidence, found: tuple[float, float] | None) -> Standing:
    if found is None or evidence.low is None or evidence.high is None:
        return "not known"
    return "worse" if evidence.low > found[1] else "better" if evidence.high < found[0] else "within noise"


def band(baseline: Baseline, allowed: float) -> tuple[float, float] | None:
    """Return the ratios in which the shift of a whole run lies while nothing changes; None for too few runs."""
    strays = []
    for number, run in enumerate(baseline.runs):
        others = medians(other.cases for at, other in enumerate(baseline.runs) if at != number)
        common = sorted(run.cases.keys() & others.keys())
        pairs = [(others[case], run.cases[case]) for case in common if others[case] > 0 and run.cases[case] > 0]
        found = paired.shift(paired.thinned([math.log(now / before) for before, now in pairs], STRAY_PAIRS))
        strays += [found[0]] if found else []
    reach = noise.band([*strays], math.log1p(allowed))
    return None if reach is None else (round(math.exp(reach.low), 4), round(math.exp(reach.high), 4))


def medians(runs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each case over the runs that have it."""
    times: dict[str, list[float]] = {}
    for run in runs:
        for case, milliseconds in run.items():
            times.setdefault(case, []).append(milliseconds)
    return {case: statistics.median(values) for case, values in times.items()}


def _reasons(found: Performance) -> Iterable[str]:
    latency = found.latency
    if latency and latency.standing == "worse" and latency.evidence.ratio and latency.band:
        yield (
            f"latency over {latency.evidence.pairs} cases is {_percent(latency.evidence.ratio - 1)}"
            f" ({_percent((latency.evidence.low or 1) - 1)} to {_percent((latency.evidence.high or 1) - 1)});"
            f" by itself it strays up to {_percent(latency.band[1] - 1)}"
        )
    for held in found.figures:
        if held.standing == "worse" and held.value is not None and held.middle is not None:
            change = f" ({_percent(held.change)})" if held.change is not None else ""
            yield f"{held.title} is {held.value:.4g}, against {held.middle:.4g}{change}, outside of its noise"


def _percent(share: float) -> str:
    return f"{100 * share:+.1f} %"


def _latency_as_dict(latency: Latency) -> dict[str, Any]:
    return {
        **latency.evidence.as_dict(),
        "band": None if latency.band is None else list(latency.band),
        "allowed": latency.allowed,
        "standing": latency.standing,
        "cases": [{"id": case, "before_ms": before, "now_ms": now} for case, before, now in latency.cases],
    }
