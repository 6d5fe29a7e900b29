"""Who is admitted next, and what a transaction of the queue holds to."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.jobs import admission, events, table
from sandbox_suite.jobs.admission import Rules
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.fairness import Allowed, Cost, Head, Held, Room, Turns, hindrance, shares
from sandbox_suite.jobs.model import Request, State
from tests.chaos.postgres_server import binaries, server

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
HEAD = Head(1)


def turns(allowed: dict[str, Allowed], slots: int = 2, cost: Cost | None = None, **held: Held) -> Turns:
    return Turns(allowed, held, {}, cost or Cost(), Room(slots), slots)


def hand_out(queue: Turns, waiting: str, count: int) -> str:
    """Hand out turns to tenants that always wait and whose jobs end at once."""
    order = ""
    for _ in range(count):
        tenant = queue.next(dict.fromkeys(waiting, HEAD))
        assert tenant is not None
        queue.take(tenant, HEAD)
        queue.give(tenant, Cost())
        order += tenant
    return order


def test_tenants_take_turns_by_weight_whoever_came_first() -> None:
    order = hand_out(turns({"a": Allowed(9), "b": Allowed(9), "c": Allowed(9, weight=2)}), "abc", 40)
    assert {tenant: order.count(tenant) for tenant in "abc"} == {"a": 10, "b": 10, "c": 20}


def test_equal_tenants_have_the_same_order_every_time() -> None:
    allowed = dict.fromkeys("bca", Allowed(9))
    assert hand_out(turns(allowed), "cab", 6) == hand_out(turns(allowed), "bca", 6) == "abcabc"


def test_who_asked_for_nothing_for_long_has_one_turn_in_hand_not_a_hundred() -> None:
    queue = turns({"a": Allowed(9), "b": Allowed(9)})
    hand_out(queue, "a", 100)
    assert hand_out(queue, "ab", 6).count("b") in (3, 4)


def test_long_jobs_take_no_more_slots_than_short_ones() -> None:
    queue = turns({"long": Allowed(9), "short": Allowed(9)}, slots=4)
    heads = {"long": HEAD, "short": HEAD}
    for _ in range(50):  # only the short ones ever end
        while (tenant := queue.next(heads)) is not None:
            queue.take(tenant, HEAD)
        while queue.held["short"].running:
            queue.give("short", Cost())
    assert queue.held["long"].running <= 3


@pytest.mark.parametrize(
    ("allowed", "held", "word"),
    [
        (Allowed(2), Held(2), "2 of 2 sandboxes"),
        (Allowed(9, cpus=6), Held(1, cpus=4), "4 of 6 CPUs"),
        (Allowed(9, memory_mb=2000), Held(1, memory_mb=1500), "1500 of 2000 MB"),
        (Allowed(9, jobs_per_day=3), Held(today=3), "3 of 3 jobs of today"),
        (None, Held(), "no quota"),
    ],
)
def test_every_quota_holds_back_and_says_so(allowed: Allowed | None, held: Held, word: str) -> None:
    cost = Cost(3, 1000)
    assert word in hindrance(allowed, held, cost)
    queue = turns({"a": allowed} if allowed else {}, cost=cost, a=held)
    assert queue.next({"a": HEAD}) is None


def test_urgent_jobs_go_first_but_not_past_their_tenants_quota() -> None:
    queue = turns({"a": Allowed(1), "b": Allowed(9)})
    urgent = {"a": Head(9, urgent=True), "b": Head(1)}
    assert queue.next(urgent) == "a"
    queue.take("a", urgent["a"])
    assert queue.next(urgent) == "b"


def test_shares_of_those_that_cannot_use_them_go_to_the_others() -> None:
    assert shares(10, {"a": 1, "b": 1, "c": 2}, {"a": 1, "b": 9, "c": 9}) == {"a": 1, "b": 3, "c": 6}
    assert shares(10, {"a": 1, "b": 1}, {"a": 2, "b": 3}) == {"a": 2, "b": 3}
    assert shares(0, {"a": 1}, {"a": 1}) == {"a": 0}


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    if not binaries():
        pytest.skip("no PostgreSQL on this machine")
    with server() as one:
        yield one.url


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = request.getfixturevalue("postgres") if request.param == "postgres" else ""
    one = Database(tmp_path, url)
    for name in ("job", "event", "tenant", "machine"):
        with one.write() as run:
            run(f"DELETE FROM {name}")
    yield one
    one.close()


def submit(database: Database, *jobs: str, tenant: str = "a", priority: str = "normal", **columns: str) -> None:
    for job in jobs:
        request = Request(plan="smoke", tenant=tenant, actor="ann", priority=priority)
        table.submit(database, job, request, "2026-01-01T00:00:00.000Z", **columns)


def admit(
    database: Database, jobs: int = 9, machine: str = "here", room: Room | None = None, **quotas: int
) -> list[str]:
    allowed = {name: Allowed(sandboxes) for name, sandboxes in quotas.items()}
    return admission.admit(database, machine, Rules(allowed, room or Room(jobs), Cost(3, 1000)), NOW)


def test_admission_respects_capacity_and_quota(database: Database) -> None:
    submit(database, "j1", "j2", "j3")
    submit(database, "j4", tenant="b")
    assert admit(database, 2, a=1, b=1) == ["j1", "j4"]
    assert admit(database, 4, a=1, b=1) == []
    job = table.get(database, "j1")
    assert (job.state, job.machine, job.claim, job.cpus, job.memory_mb) == (State.RUNNING, "here", 1, 3, 1000)
    assert [event.message for event in events.read(database, "j1")] == ["admitted on machine here"]


def test_within_a_tenant_the_first_in_is_the_first_out_and_urgent_ones_before(database: Database) -> None:
    submit(database, "j1", "j2")
    submit(database, "u1", "u2", priority="urgent")
    assert admit(database, a=9) == ["u1", "u2", "j1", "j2"]


def test_a_job_that_is_queued_again_stands_behind_those_that_wait(database: Database) -> None:
    submit(database, "j1", "j2")
    admit(database, 1, a=1)
    table.move(database, "j1", State.FAILED)
    table.enqueue(database, "j1")
    assert admit(database, a=9) == ["j2", "j1"]


def test_a_kept_sandbox_counts_against_the_quota_until_it_is_gone(database: Database) -> None:
    submit(database, "j1", "j2")
    admit(database, 2, a=1)
    table.move(database, "j1", State.KEPT)
    assert admit(database, a=1) == []
    table.move(database, "j1", State.FAILED, expires_at="2026-01-01T01:00:00.000Z")
    assert admit(database, a=1) == []
    assert [job.id for job in table.leased(database)] == ["j1"]
    table.update(database, "j1", expires_at="")
    assert admit(database, a=1) == ["j2"]


def test_a_job_that_goes_on_with_its_kept_sandbox_needs_no_other_and_lets_nobody_past_the_quota(
    database: Database,
) -> None:
    submit(database, "j1")
    admit(database, a=1)
    table.move(database, "j1", State.FAILED, expires_at="2026-01-01T13:00:00.000Z")
    submit(database, "j2")
    submit(database, "j3", priority="urgent")
    table.enqueue(database, "j1")
    assert admit(database, a=1) == ["j1"]


def test_the_machine_carries_so_much_and_no_more(database: Database) -> None:
    submit(database, "j1", "j2", "j3")
    assert admit(database, room=Room(9, memory_mb=2500), a=9) == ["j1", "j2"]
    table.move(database, "j1", State.KEPT)
    assert admit(database, room=Room(9, sandboxes=2), a=9) == []
    assert admit(database, room=Room(9, sandboxes=3), a=9) == ["j3"]


def test_jobs_a_day_begin_anew_at_midnight(database: Database) -> None:
    submit(database, "j1", "j2")
    rules = Rules({"a": Allowed(9, jobs_per_day=1)}, Room(9))
    assert admission.admit(database, "here", rules, NOW) == ["j1"]
    assert admission.admit(database, "here", rules, NOW + datetime.timedelta(hours=11, minutes=59)) == []
    assert admission.admit(database, "here", rules, NOW + datetime.timedelta(hours=12)) == ["j2"]


def test_a_pinned_job_waits_for_its_machine_and_holds_nobody_up(database: Database) -> None:
    submit(database, "j1", pinned="there")
    submit(database, "j2")
    assert admit(database, a=9) == ["j2"]
    assert admit(database, a=9, machine="there") == ["j1"]


def test_who_was_to_wait_no_longer_gives_up_with_the_exit_code_for_that(database: Database) -> None:
    submit(database, "j1", wait_until="2026-01-01T11:59:59.000Z")
    submit(database, "j2", wait_until="2026-01-01T12:00:01.000Z")
    assert admit(database, a=9) == ["j2"]
    job = table.get(database, "j1")
    assert (job.state, job.exit_code) == (State.CANCELLED, 4)
    assert job.error is not None
    assert "as long as it was to wait" in job.error["what"]


def test_turns_are_remembered_between_admissions(database: Database) -> None:
    submit(database, *(f"a{n}" for n in range(4)))
    submit(database, *(f"b{n}" for n in range(4)), tenant="b")
    order = []
    for _ in range(8):
        (job,) = admit(database, 1, a=9, b=9)
        table.move(database, job, State.DONE)
        order.append(job[0])
    assert order in (list("abababab"), list("babababa"))


def test_a_job_is_found_by_the_beginning_of_its_id_unless_that_names_several(database: Database) -> None:
    submit(database, "jabc1", "jabd2")
    assert table.get(database, "jabc").id == "jabc1"
    with pytest.raises(RequestError, match="names several jobs"):
        table.get(database, "jab")
    with pytest.raises(RequestError, match="is no job"):
        table.get(database, "jx")


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked(database: Database) -> None:
    submit(database, "j1", "j2")
    admit(database, 1, a=9)
    assert table.ask_cancel(database, "j1", "cancel", "now").cancel == "cancel"
    assert table.ask_cancel(database, "j2", "cancel", "now").state == State.CANCELLED


def test_a_move_that_the_table_does_not_allow_is_refused(database: Database) -> None:
    submit(database, "j1")
    with pytest.raises(RequestError, match="cannot become"):
        table.move(database, "j1", State.KEPT)
