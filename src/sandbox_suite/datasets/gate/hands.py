"""Processes that share the work of one gate run: forked, so that nothing is imported or sent twice.

Whoever forks must be one thread: polars' threads do not survive it, so the process that deals out the work uses none.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")
MOST = 4  # processes: each needs memory of its own
SLEEPING = {"jemalloc_bg_thd", "polars-ooc-clea"}  # threads that do nothing yet and that no work of ours waits for


def count() -> int:
    """Return how many processes may work: one for each core that this one may use; one where a fork is not safe."""
    return min(MOST, len(os.sched_getaffinity(0))) if _threads() <= SLEEPING else 1


def _threads() -> set[str]:
    """Return the names of this process's threads beside the first."""
    folder, own = Path("/proc/self/task"), str(os.getpid())
    if not folder.is_dir():
        return {"unknown"}
    return {(task / "comm").read_text().strip() for task in folder.iterdir() if task.name != own}


def share(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    processes: int,
    meanwhile: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Return what `work` makes of each task, in order. Whatever goes wrong in a process is raised here."""
    if processes < 2 or len(tasks) < 2:
        return [work(task) for task in tasks]
    hands: list[_Hand] = []
    try:
        for _ in range(min(processes, len(tasks))):
            hands.append(_Hand(work, tasks, [hand.pipe for hand in hands]))
        return _dealt(hands, len(tasks), meanwhile)
    finally:
        for hand in hands:
            hand.end()


class _Hand:
    """One process, which does the tasks whose numbers it is told, until its pipe ends."""

    def __init__(
        self, work: Callable[[Task], Result], tasks: Sequence[Task], others: Sequence[Connection] = ()
    ) -> None:
        self.pipe, far = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_serve, args=(far, work, tasks, [*others, self.pipe]), daemon=True)
        self._process.start()
        far.close()

    def end(self) -> None:
        self.pipe.close()
        self._process.terminate()
        self._process.join()


def _serve(
    pipe: Connection, work: Callable[[Task], Result], tasks: Sequence[Task], others: Sequence[Connection]
) -> None:
    for other in others:
        other.close()  # else nobody would learn that the first process is gone
    try:
        while True:
            pipe.send(work(tasks[pipe.recv()]))
    except EOFError:
        return


def _dealt(hands: Sequence[_Hand], tasks: int, meanwhile: Callable[[], object]) -> list[Any]:
    todo = iter(range(tasks))
    at: dict[_Hand, int] = {}  # what each is at
    done: dict[int, Any] = {}
    for hand in hands:
        _give(hand, todo, at)
    meanwhile()
    while at:
        for pipe in wait([hand.pipe for hand in at]):
            hand = next(hand for hand in at if hand.pipe is pipe)
            number = at.pop(hand)
            done[number] = hand.pipe.recv()  # EOFError where the process is gone
            _give(hand, todo, at)
    return [done[number] for number in range(tasks)]


def _give(hand: _Hand, todo: Iterator[int], at: dict[_Hand, int]) -> None:
    number = next(todo, None)
    if number is not None:
        hand.pipe.send(number)
        at[hand] = number
