"""What an operator says of datasets: `config/datasets.yaml`. Owners, how each is told, what is kept.

owners: {"*": [data-team], customer-sample: [crm-owners]}   # "*": of every dataset that is not named
notices:
  "*": [{maildir: notices}]                                 # for owners that are not named
  crm-owners:
    - {command: [/usr/sbin/sendmail, -t], to: crm@example.com}
    - {webhook: "secret://sandbox/crm-webhook"}
retention: {attested: 5, raw: 5, jobs_days: 7, failures_days: 180}
golden: {clone: auto}
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox_suite.core import documents

FILE = "datasets.yaml"
ANY = "*"
Owner = Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9-]{0,62})$")]


class Closed(BaseModel):
    """A part of the document that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sink(Closed):
    """One way to tell an owner: a maildir (relative: below SANDBOX_HOME), a command, or a webhook."""

    maildir: Annotated[str, Field(min_length=1)] | None = None
    command: Annotated[list[str], Field(min_length=1)] | None = None  # gets the mail on standard input; no shell
    webhook: Annotated[str, Field(pattern=r"^(https?://|secret://sandbox/)")] | None = None
    to: str = ""  # address in the mail's head; else the owner's name

    @model_validator(mode="after")
    def _one_way(self) -> "Sink":
        if sum(way is not None for way in (self.maildir, self.command, self.webhook)) != 1:
            raise ValueError("exactly one of `maildir`, `command` and `webhook` is needed")
        if any(char in self.to for char in "\r\n"):
            raise ValueError("`to` is one line")
        return self


class Retention(Closed):
    """What `dataset.gc` keeps beside all that is current, was current before it, or is in use."""

    attested: Annotated[int, Field(ge=1)] = 5  # newest attested versions of a dataset
    raw: Annotated[int, Field(ge=1)] = 5  # newest raw versions of a dataset
    jobs_days: Annotated[int, Field(ge=0)] = 7  # what an ended job used is kept as long: it may be run again
    failures_days: Annotated[int, Field(ge=1)] = 180


class Golden(Closed):
    """How sandboxes get their clones of a golden database."""

    # image: a committed image, copied into memory. reflink: a volume that shares its blocks. copy: a volume, copied.
    # auto: reflink where the engine's volumes have them, else image.
    clone: Literal["auto", "image", "reflink", "copy"] = "auto"


class Operation(Closed):
    """The whole document; every part has defaults."""

    owners: dict[Owner, list[Owner]] = {ANY: []}  # dataset -> owners
    notices: dict[Owner, list[Sink]] = {ANY: [Sink(maildir="notices")]}
    retention: Retention = Retention()
    golden: Golden = Golden()

    def owners_of(self, dataset: str, named: list[str]) -> list[str]:
        """Return who is told of a dataset: its owners here, and those `named` by its policy, once each."""
        return list(dict.fromkeys([*named, *self.owners.get(dataset, self.owners.get(ANY, []))]))

    def sinks(self, owner: str) -> list[Sink]:
        """Return the ways to tell an owner."""
        return self.notices.get(owner, self.notices.get(ANY, []))


def load(config: Path) -> Operation:
    """Return what the operator says; the defaults where there is no such file. RequestError names every mistake."""
    file = config / FILE
    return documents.load(file, Operation, "dataset operation") if file.exists() else Operation()
