"""The dataset of a living sandbox: another attested version loaded into it, or brought back to what was attested.

What the job's folder says stays true at every moment: the old proof is taken back before anything is written, and the
new one is written after its transaction. A kill in between leaves a sandbox without a proof, and `verify` says so.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from sandbox_suite import engine
from sandbox_suite.core.clock import Clock
from sandbox_suite.core.errors import InfrastructureError, RequestError, SandboxError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, living, versions
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.living import Brought, Difference
from sandbox_suite.datasets.store import Attested, Store
from sandbox_suite.datasets.trail import Asker
from sandbox_suite.jobs import audit, events, goldens, journal, outcome, plugin_reset, table
from sandbox_suite.jobs.database import connect
from sandbox_suite.jobs.model import Job, Request, State
from sandbox_suite.jobs.steps.running import alone
from sandbox_suite.postgres.inside import Psql

STEP = "load"  # whose proof it is


@dataclass(frozen=True)
class Asked:
    """What is asked of a sandbox's dataset."""

    job: Job
    by: Asker
    reference: str = ""  # name@version to load; empty: a reset, to what the plan holds
    plugin: bool = False  # the plugin's own schema too: dropped, migrated anew
    force: bool = False  # end the sessions that hold the tables

    @property
    def verb(self) -> str:
        """Return what it is called, in the audit and the journal."""
        return "dataset.load" if self.reference else "dataset.reset"

    @property
    def request(self) -> Request:
        """Return the job's request with who asks for this, and why: for the audit."""
        return dataclasses.replace(self.job.request, actor=self.by.actor, reason=self.by.reason)


def look(settings: Settings, asked: Asked, clock: Clock) -> dict[str, Any]:
    """Return what `run` would do, as JSON; it raises what that would raise, and touches nothing."""
    _require_living(settings, asked.job.id)
    plan = _plan(settings, asked.job)
    store = Store(settings.home / "datasets")
    with _engine_told(asked.job), store.using(), _database(settings, asked.job) as psql:
        attested = _attested(settings, asked, plan, clock)
        living.check_grants(attested, plan["dataset"]["grants"])
        difference = _difference(attested, plan, psql, _proved(settings, asked.job))
        would = {"written": list(difference.tables), "tables_made_anew": difference.anew}
        return {**_facts(asked, plan, attested), **would}


def run(settings: Settings, asked: Asked, clock: Clock, say: Say) -> dict[str, Any]:
    """Bring the sandbox's dataset to what is asked, proved; return what was done, as JSON.

    RequestError: no living sandbox, unknown version, grants that cannot be given, tables that somebody holds.
    NotAttestedError (a block): the gate's word for the version does not hold. Both leave everything as it was.
    """
    try:
        _require_living(settings, asked.job.id)
        with _engine_told(asked.job), Store(settings.home / "datasets").using():
            found = _run(settings, asked, clock, say)
    except SandboxError as error:
        _record(
            settings, asked, clock, "refused" if error.exit_code in (2, 3) else "failed", {"error": error.as_dict()}
        )
        raise
    _record(settings, asked, clock, "ok", found)
    return found


def _run(settings: Settings, asked: Asked, clock: Clock, say: Say) -> dict[str, Any]:
    plan = _plan(settings, asked.job)
    attested = _attested(settings, asked, plan, clock)
    living.check_grants(attested, plan["dataset"]["grants"])
    planned = _planned(settings, plan, attested, say)
    before = clock()
    lock = settings.job(asked.job.id) / "step.lock"
    with _journalled(settings, asked, clock), contextlib.ExitStack() as unlocked, alone(lock):
        _require_living(settings, asked.job.id)
        if asked.plugin:  # whatever comes of the rest, it is to run again; as a step, so without this lock
            unlocked.callback(plugin_reset.deploy, settings, asked.job, clock)
            plugin_reset.stop(settings, asked.job, plan)
        brought = _bring(settings, asked, attested, plan, say)
        write_json(settings.job(asked.job.id) / "plan.json", planned, mode=0o600)
        _prove(settings, asked.job, brought.digests, brought.writers)
    seconds = (clock() - before).total_seconds()
    return {**_facts(asked, plan, attested), **brought.as_dict(), "seconds": round(seconds, 3)}


def _planned(settings: Settings, plan: Mapping[str, Any], attested: Attested, say: Say) -> Mapping[str, Any]:
    """Return the plan of a sandbox that holds `attested`: with its golden database, since a retry may provision it.

    The images stay: they say what the containers run.
    """
    if attested.digest == plan["dataset"]["digest"]:
        return plan
    return {**goldens.planned(plan, attested, goldens.ensure(settings, attested, say)), "images": plan["images"]}


def _bring(settings: Settings, asked: Asked, attested: Attested, plan: Mapping[str, Any], say: Say) -> Brought:
    proved = _proved(settings, asked.job)
    with _database(settings, asked.job) as psql:
        difference = _difference(attested, plan, psql, proved)
        say(_words(difference, attested))
        first = plugin_reset.statements(plan) if asked.plugin else []
        _prove(settings, asked.job, {}, {})
        try:
            grants = plan["dataset"]["grants"]
            return living.bring(attested, psql, difference, plan["role"], grants, first=first, force=asked.force)
        except SandboxError:  # taken back: what was proved before holds again
            _prove(settings, asked.job, proved.get("proofs", {}), proved.get("writers", {}))
            raise


def _difference(attested: Attested, plan: Mapping[str, Any], psql: Psql, proved: Mapping[str, Any]) -> Difference:
    same = attested.digest == plan["dataset"]["digest"]
    return living.look(attested, psql, proved.get("writers", {}) if same else {})


def _words(difference: Difference, attested: Attested) -> str:
    reference = f"{attested.name}@{attested.version}"
    if difference.nothing:
        return f"{reference}: nothing was written since it was proved; it is proved again"
    how = "the tables are made anew" if difference.anew else "the tables stay, their rows are written"
    return f"{reference}: {how}: {', '.join(difference.tables)}"


def _attested(settings: Settings, asked: Asked, plan: Mapping[str, Any], clock: Clock) -> Attested:
    """Return the version to bring; NotAttestedError where the gate never attested it, or its word does not hold."""
    store, key = Store(settings.home / "datasets"), attestation.signing_key(settings.home)
    if not asked.reference:
        return store.open(_of_content(store, plan["dataset"]), key, clock())
    name, _, version = versions.resolve(asked.reference, settings).partition("@")
    if not version:
        raise RequestError(f"`{asked.reference}` names no version", remedy="NAME@VERSION, or NAME@current")
    found = store.attested(name, version, key, clock())
    if found is None:
        known = ", ".join(f"{of}@{number}" for of, number, _ in store.names()) or "none"
        raise NotAttestedError(
            f"{name}@{version} is not attested; those that are: {known}",
            remedy=f"`./invoke dataset.check --name {name}@{version}` shows what the gate says; a job attests it",
        )
    return found


def _of_content(store: Store, dataset: Mapping[str, Any]) -> str:
    """Return the stored version that holds what a plan names: its name may show other content by now."""
    named = store.pointer("attested", dataset["name"], dataset["version"])
    places = [place.name for place in (store.root / "ver").glob("*") if place.name[0] != "."]
    for version in [*([named] if named else []), *sorted(places)]:
        with contextlib.suppress(OSError, ValueError):
            if store.manifest(version).get("digest") == dataset["digest"]:
                return version
    raise NotAttestedError(
        f"{dataset['name']}@{dataset['version']} as it was attested for this job is not stored any more",
        remedy="load a version that `./invoke dataset.list` shows",
    )


def _require_living(settings: Settings, job: str) -> None:
    """Refuse a job without a sandbox, one that still runs, and one whose plugin's role was never made."""
    database = connect(settings)
    past, state = events.read(database, job), table.get(database, job).state
    if state in (State.QUEUED, State.RUNNING):
        raise RequestError(f"job `{job}` is {state}", remedy="wait for its end: its sandbox must be kept (`--keep`)")
    if not journal.sandbox_may_exist(past):
        raise RequestError(f"job `{job}` has no sandbox", remedy="`./invoke sandbox.run --keep` leaves one")
    if STEP not in journal.finished(past):
        raise RequestError(
            f"job `{job}` never came to the end of its step `{STEP}`",
            remedy=f"`./invoke sandbox.resume --job {job}` goes on where it stopped",
        )


def _plan(settings: Settings, job: Job) -> dict[str, Any]:
    plan: dict[str, Any] = read_json(settings.job(job.id) / "plan.json")
    return plan


@contextlib.contextmanager
def _database(settings: Settings, job: Job) -> Iterator[Psql]:
    container = read_json(settings.job(job.id) / "outputs.json")["containers"]["database"]["name"]
    client = engine.client(timeout=600)
    try:
        yield Psql(client, container)
    finally:
        client.close()


@contextlib.contextmanager
def _engine_told(job: Job) -> Iterator[None]:
    """Say in our words that the engine refuses, or breaks off: a container that ended, one that is gone."""
    try:
        yield
    except (requests.RequestException, ConnectionError) as error:
        said = getattr(error, "explanation", None) or error
        raise InfrastructureError(
            f"the sandbox of job `{job.id}` does not answer: {said}",
            left="a transaction that did not end is taken back",
            remedy="`./invoke sandbox.destroy`, then `sandbox.retry --from-step provision`, makes it anew",
        ) from error


def _proved(settings: Settings, job: Job) -> dict[str, Any]:
    left = outcome.read(settings.job(job.id), STEP)
    return left.made if left else {}


def _prove(settings: Settings, job: Job, proofs: Mapping[str, Any], writers: Mapping[str, Any]) -> None:
    """Note what is proved in the outcome of the step `load`: where verification and report read it."""
    folder = settings.job(job.id)
    left = outcome.read(folder, STEP)
    if left:
        made = {**left.made, "proofs": dict(proofs), "writers": dict(writers)}
        dataclasses.replace(left, made=made).write(folder, STEP)


@contextlib.contextmanager
def _journalled(settings: Settings, asked: Asked, clock: Clock) -> Iterator[None]:
    """Write intent and outcome into the job's journal; how they are called tells them from its steps."""
    database = connect(settings)
    events_of = events.Journal(database, asked.job.id, clock)
    attempt = events_of.last_attempt(asked.verb) + 1
    events_of.write("started", asked.verb, attempt=attempt)
    before, said = clock(), "it was ended from outside"
    try:
        yield
        said = ""
    except SandboxError as error:
        said = error.explanation.what
        raise
    finally:
        seconds = (clock() - before).total_seconds()
        ended = "failed" if said else "ok"
        events_of.write("ended", asked.verb, attempt=attempt, outcome=ended, seconds=seconds, message=said)
        database.close()


def _record(settings: Settings, asked: Asked, clock: Clock, ended: str, details: dict[str, Any]) -> None:
    target = asked.reference or f"dataset of job {asked.job.id}"
    audit.record(
        settings, asked.job.id, asked.request, clock, action=asked.verb, target=target, outcome=ended, details=details
    )


def _facts(asked: Asked, plan: Mapping[str, Any], attested: Attested) -> dict[str, Any]:
    before = plan["dataset"]
    return {
        "job": asked.job.id,
        "dataset": f"{attested.name}@{attested.version}",
        "digest": attested.digest,
        "rows": attested.rows,
        "before": f"{before['name']}@{before['version']}",
        "plugin": asked.plugin,
    }
