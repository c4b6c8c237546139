"""A job: what it reads, what it makes, and what decides the result. Rules, cost, `why` and the checks read it here."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from pydantic import BaseModel

from uphill.identity.code import code_contents
from uphill.identity.specs import digest, spec
from uphill.running.places import shipped, within

if TYPE_CHECKING:
    from uphill.workflow.study import Study

SCRIPTS = "workflow/scripts"
PROVENANCE = "provenance"
"""The name of what tells, beside a job's outputs, what they were made from."""

Settings = dict[str, Any]
Spec = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Job:
    """One job of a study, or one part of the file that a job makes.

    Attributes:
        rule: that runs it, and whose script is called like it.
        wildcards: which tell it from other jobs of the rule.
        title: what the terminal calls it: the rule's message.
        named: what of the config asks for it.
        record: the name of its log and benchmark files.
        outputs: files, by name. Who reads the job reads those of the first name, and its provenance.
        decide: gives `settings`; asked when they are first needed, since some look at files.
        reads: by name of the rule's input, the jobs that make it.
        outside: files that are no job's, by name of the rule's input; what of them decides the result is in `settings`.
        code: modules that its script loads by name, and other files that it reads.
        model: that it loads, whose entry of the hardware file it asks for.
        also: names of further outputs of what it reads, which are inputs of those names.
        holds: names of inputs whose files it has in memory whole, and asks for memory by.
        from_config: by setting, the key of the config that it is from; "" is for settings that have no entry.
        part: the name of what it makes of the file, where that has parts with an identity of their own.
        parts: jobs of those parts, of which this one is the whole.
    """

    rule: str
    wildcards: Mapping[str, str]
    title: str
    named: str
    record: str
    outputs: Mapping[str, Sequence[str]]
    decide: Callable[[], Settings]
    reads: Mapping[str, Sequence["Job"]] = field(default_factory=dict)
    outside: Mapping[str, Sequence[str]] = field(default_factory=dict)
    code: Sequence[str] = ()
    model: str | None = None
    also: Sequence[str] = ()
    holds: Sequence[str] = ()
    from_config: Mapping[str, str] = field(default_factory=dict)
    part: str = ""
    parts: Sequence["Job"] = ()

    @property
    def stage(self) -> str:
        """What it does, by whichever rule."""
        return self.rule.split("_")[0]

    @property
    def files(self) -> list[str]:
        """Every output."""
        return [path for paths in self.outputs.values() for path in paths]

    @property
    def made(self) -> Sequence[str]:
        """The outputs that others read."""
        return next(iter(self.outputs.values()))

    @property
    def held(self) -> list[str]:
        """Files that it has in memory whole."""
        return [path for name in self.holds for path in self.inputs[name]]

    @property
    def upstream(self) -> list["Job"]:
        """Every job that it reads from."""
        return [job for jobs in self.reads.values() for job in jobs]

    @cached_property
    def inputs(self) -> dict[str, list[str]]:
        """Files, by name of the rule's input; what tells of them is called `provenance`."""
        found = {name: _once(path for job in jobs for path in job.made) for name, jobs in self.reads.items()}
        further = (*self.also, PROVENANCE)
        told = {name: _once(path for job in self.upstream for path in job.outputs.get(name, ())) for name in further}
        given = {name: list(files) for name, files in self.outside.items()}
        return found | {name: files for name, files in told.items() if files} | given

    @cached_property
    def settings(self) -> Settings:
        """Plain data: every config value that decides the result, and the content of files outside the study."""
        return self.decide()

    @cached_property
    def spec(self) -> Spec:
        """The identity of the result: settings, code, and the identity of each file that is read, or of its parts."""
        read: dict[str, Any] = {}
        for job in self.upstream:
            for path in job.made:
                if job.part:
                    read.setdefault(within(path), {})[job.part] = job.id
                else:
                    read[within(path)] = job.id
        return spec(self.stage, self.settings, code_digest(self.rule, *self.code), read)

    @property
    def id(self) -> str:
        """The digest by which those downstream name it."""
        found: str = self.spec["id"]
        return found


def _once(paths: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(paths))


def identities(upstream: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(file, or file and part; identity) of everything that a spec says is read."""
    for path, read in upstream.items():
        if isinstance(read, str):
            yield path, read
        else:
            yield from ((f"{path} ({part})", identity) for part, identity in read.items())


def plain(settings: BaseModel) -> Settings:
    """Settings as plain data."""
    return settings.model_dump(mode="json")


code_of: dict[str, dict[str, str]] = {}
"""The modules behind each digest of code that was asked for so far."""


@functools.cache
def code_digest(script: str, *loaded: str) -> str:
    """Digest of a script and of all that it imports; and of what it loads by name: modules, and files, with a slash."""
    data = tuple(shipped(name) for name in loaded if "/" in name)
    contents = code_contents(shipped(f"{SCRIPTS}/{script}.py"), tuple(name for name in loaded if "/" not in name), data)
    found = digest(contents)
    code_of[found] = contents
    return found


P = ParamSpec("P")
R = TypeVar("R")


def once(function: Callable[Concatenate["Study", P], R]) -> Callable[Concatenate["Study", P], R]:
    """Ask a function of a study once for each set of arguments, so that a job that many read is one job."""

    @functools.wraps(function)
    def ask(study: "Study", /, *args: P.args, **kwargs: P.kwargs) -> R:
        key = (function, args, tuple(sorted(kwargs.items())))
        if key not in study.memory:
            study.memory[key] = function(study, *args, **kwargs)
        found: R = study.memory[key]
        return found

    return ask
