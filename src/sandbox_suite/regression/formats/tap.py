"""TAP 12, 13 and 14: test points with plans, directives, diagnostics and subtests.

A case is a test point without subtests, named by its path: `parent > child`. A point that only sums up its subtests is
left out, unless it failed and none of them did. What breaks the plan is told: a point that never came is not forgotten.
"""

import re
from dataclasses import dataclass, field, replace

from sandbox_suite.regression.formats.attempts import MAX_CASES, Attempt, Outcome, Read, name, seconds, text

POINT = re.compile(r"(not )?ok\b(?:[ \t]+(\d{1,9})\b)?(?:[ \t]*-)?[ \t]*(.*)")
PLAN = re.compile(r"1\.\.(\d{1,9})\s*(#.*)?")
DIRECTIVE = re.compile(r"(?<!\\)#\s*(skip(?:ped)?|todo)\b:?\s*(.*)", re.IGNORECASE)
SUBTEST = re.compile(r"#\s*Subtest(?::\s*(.*))?", re.IGNORECASE)
DURATION = re.compile(r"\s*duration_ms:\s*[\"']?([0-9.eE+-]{1,30})[\"']?")
SKIP = re.compile(r"#\s*(skip\S*\s*)?", re.IGNORECASE)
INDENT = 4  # blanks of one level
MAX_DEPTH = 30
MAX_LINES = 500_000
MAX_LINE = 16_000  # characters; a longer line is cut


@dataclass
class _Level:
    """The points of one level of indentation, until the point that sums them up."""

    title: str = ""
    first: int = 0  # index of the first attempt below it
    planned: int | None = None
    skipped: str = ""  # why the whole level is
    points: int = 0
    numbers: set[int] = field(default_factory=set)
    bad: bool = False  # whether any case below failed


def read(content: bytes, file: str, suite: str) -> Read:
    """Return what a TAP stream says."""
    return _Reader(file).whole(content)


class _Reader:
    """Reads line by line; holds the levels above the line at hand, and the last point for its diagnostics."""

    def __init__(self, file: str) -> None:
        self.file, self.said = file, Read()
        self.paths: list[list[str]] = []  # of each attempt: the titles of its levels, and its own
        self.levels = [_Level()]
        self.last: int | None = None  # index of the attempt that diagnostics belong to
        self.block = ""  # indentation of an open YAML block
        self.room = 0
        self.bailed = False
        self.pending = ""  # the title of a subtest whose lines have not begun

    def whole(self, content: bytes) -> Read:
        """Read everything."""
        lines = content.split(b"\n", MAX_LINES)
        for raw in lines[:MAX_LINES]:
            if self.said.full or self.bailed:
                break
            self.line(raw[:MAX_LINE].decode(errors="replace").rstrip())
        if self.said.full:
            self.trouble(f"more than {MAX_CASES} results: the rest was not read")
        elif len(lines) > MAX_LINES and not self.bailed:
            self.trouble(f"{self.file} has more than {MAX_LINES} lines: the rest was not read")
        self.end()
        return self.said

    def line(self, line: str) -> None:
        """Take one line."""
        if self.block and (line.startswith(self.block) or not line):
            return self.diagnostic(line.removeprefix(self.block))
        self.block = ""  # a block that was not closed ends where its indentation does: no point after it is lost
        bare = line.lstrip(" ")
        depth = min((len(line) - len(bare)) // INDENT, MAX_DEPTH)
        if bare == "---" and line != bare and self.last is not None:
            self.block, self.room = line[: len(line) - len(bare)], 40
        elif bare.startswith("Bail out!"):
            self.trouble(f"{self.file} bailed out: {text(bare[9:].strip(), 300) or 'no reason given'}")
            self.bailed = True
        elif subtest := SUBTEST.fullmatch(bare):
            self.open(depth, subtest[1] or "")
        elif plan := PLAN.fullmatch(bare):
            self.reach(depth)
            level = self.levels[depth]
            level.planned = int(plan[1])
            level.skipped = "" if level.planned else SKIP.sub("", plan[2] or "")
        elif point := POINT.fullmatch(bare):
            self.point(depth, point, self.reach(depth))
        return None

    def open(self, depth: int, title: str) -> None:
        """Begin a subtest: its title stands at the level of its lines, or at that of the point that sums it up."""
        announced = bool(self.pending) or len(self.levels) > depth
        self.reach(depth)
        if announced:
            self.pending = _unescaped(title)
        else:
            self.levels[depth].title = _unescaped(title)

    def reach(self, depth: int) -> _Level | None:
        """Be at a level: make it where it is new, end those below it; return the one right below."""
        while len(self.levels) <= depth:
            title, self.pending = self.pending, ""
            self.levels.append(_Level(title, len(self.said.attempts)))
        below = None
        while len(self.levels) > depth + 1:
            below = self.levels.pop()
            self.levels[-1].bad |= below.bad
            self.planned(below)
        return below

    def point(self, depth: int, found: re.Match[str], below: _Level | None) -> None:
        """Take a test point; `below` are the subtests that it sums up."""
        level = self.levels[depth]
        level.points += 1
        number = int(found[2]) if found[2] else level.points
        if number in level.numbers:
            self.trouble(f"{self.file} has test point {number} twice")
        level.numbers.add(number)
        title, outcome, message = _judged(found)
        level.bad |= outcome == "failed"
        self.last, self.pending = None, ""
        if below and below.points:
            for path in self.paths[below.first :]:
                path[depth] = path[depth] or title
            if outcome != "failed" or below.bad:
                return
        self.last = len(self.said.attempts)
        self.paths.append([*(item.title for item in self.levels[1:]), title or f"test {number}"])
        self.said.attempts.append(Attempt("", outcome, message=text(message)))

    def diagnostic(self, said: str) -> None:
        """Take a line of a YAML block: a duration, and the first lines as the message of a case that failed."""
        if said == "..." or self.last is None:
            self.block = ""
            return
        attempt, duration = self.said.attempts[self.last], DURATION.fullmatch(said)
        if duration:
            attempt = replace(attempt, seconds=seconds(duration[1]) / 1000)
        elif attempt.outcome == "failed" and self.room > 0:
            self.room -= 1
            attempt = replace(attempt, message=text("\n".join(filter(None, (attempt.message, said)))))
        self.said.attempts[self.last] = attempt

    def planned(self, level: _Level, required: bool = False) -> None:
        """Tell where the points of a level are not those of its plan."""
        where = f" below `{text(level.title, 80)}`" if level.title else ""
        if level.planned is None:
            if required:
                self.trouble(f"{self.file} has no plan (1..N): whether it is whole cannot be told")
        elif level.planned != level.points:
            self.trouble(f"{self.file} promised {level.planned} test points{where}, {level.points} came")

    def end(self) -> None:
        """Close what is open, and name the cases."""
        complete = not self.bailed and not self.said.full
        if complete:
            self.reach(0)
            self.planned(self.levels[0], required=True)
        top = self.levels[0]
        if top.skipped and not top.points:
            self.paths.append(["(all)"])
            self.said.attempts.append(Attempt("", "skipped", message=text(top.skipped)))
        self.said.attempts = [
            replace(attempt, case=name(" > ".join(filter(None, path))) or "(unnamed)")
            for attempt, path in zip(self.said.attempts, self.paths, strict=True)
        ]

    def trouble(self, words: str) -> None:
        """Tell what is wrong with the stream, each kind of thing a few times at most."""
        if len(self.said.troubles) < 20:
            self.said.troubles.append(words)


def _judged(point: re.Match[str]) -> tuple[str, Outcome, str]:
    """Return (title, outcome, message) of a test point. What is still to do may fail: that is no failure."""
    failed, rest = bool(point[1]), point[3]
    found = DIRECTIVE.search(rest)
    title = _unescaped(rest[: found.start()] if found else rest)
    if found and found[1].lower().startswith("skip"):
        return title, "skipped", found[2]
    if found:
        return (title, "skipped", f"to do: {found[2]}") if failed else (title, "passed", "")
    return title, "failed" if failed else "passed", ""


def _unescaped(title: str) -> str:
    return title.replace("\\#", "#").replace("\\\\", "\\").strip()
