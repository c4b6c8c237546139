"""The config's schema and its documentation, generated from its model, so that they cannot say something else."""

import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from uphill import registry
from uphill.config import laying
from uphill.config.checked import StudyConfig
from uphill.config.hardware import Hardware
from uphill.errors import UphillError
from uphill.weak_to_strong.interface import ROOM as LABEL_ROOM

ROOMS = (
    ("uphill.datasets", "load", "Sources of datasets", "datasets.NAME.source", "kind"),
    ("uphill.hardness", "measure", "Hardness measures", "measures.NAME", "kind"),
    ("uphill.methods", "predict", "Methods", "methods.NAME", "kind"),
    (LABEL_ROOM, "label", "Labels", "labels.NAME", "kind"),
    ("uphill.grading", "grade", "Graders", "datasets.NAME.grader", "kind"),
)
HEAD = """# Configuration

Written by `make config-docs` from the config's model; `config/schema.json` is the same for editors. A wrong key or
value is refused before anything runs, in one line that names it.

`config/config.yaml` is the embedded default. A file of your own, given with `--configfile`, replaces it, or lays itself
over it, or over any other config, where it says so. What jobs run on is in `config/hardware.yaml`, apart from what they
compute: changing it reruns nothing.

`config/paper.yaml` is the published study, `config/modern.yaml` one of its shape on models of today, and
`config/cross_difficulty.yaml` has the sets of the cross-difficulty study;
`make plan CONFIG=config/paper.yaml` says what one would cost before it is run.
"""


OVER = """
## A config over another

```yaml
extends: default                 # or the path of a config, from where the run starts, which may extend another
splits: {boots: 10}              # the other keys of splits stay
population:                      # a list replaces a list
  - {dataset: dial, variable: num_steps, methods: [zero_shot, icl]}
methods: {lora: null}            # null removes a key
```

Maps are merged key by key; lists and single values replace. A map that says another `kind` than the one below it
replaces it, since settings of one kind mean nothing to another. `null` removes a key, so that its default holds; in a
dataset's `source`, where null says that there is no such column, it stays. The study is that of the merged keys: a job
is the same as if they stood in one file, and reruns for no other reason. `python -m uphill config my.yaml` prints them,
and an error names the file that a wrong key is in.

## Several studies

`study: mine` puts all that a study makes under `results/mine/`, where targets are then too:
`snakemake results/mine/tables/population.csv --configfile mine.yaml`. Without it the study is in `results/` itself, and
another config that is run there is told, in one line, whose tables it writes over.

## A part of a study

```yaml
extends: default
limit: 300                       # a quick look: so many items of each dataset
only: {datasets: [dial], methods: [zero_shot, probe]}
```

`only` leaves rows of experiments out, or methods and models of them, with no row rewritten. What is run is the same job
as in the whole study, so that both have one result of it: what a row trains on, a dataset's `unsupervised` method,
teachers and `hardness_models` come along. Texts (`generations`) are written as before. A part that leaves out what a
panel reads, and so would change a scale, is refused.
"""


def write_docs(folder: Path, check: bool = False) -> None:
    """Write `schema.json` and `README.md` into `folder`; with `check`, only compare.

    Raises:
        UphillError: with `check`, a file says something else than the model.
    """
    for name, content in (("schema.json", _schema()), ("README.md", _readme())):
        path = folder / name
        if check and (not path.is_file() or path.read_text() != content):
            raise UphillError(f"{path}: not what the config's model says; run `make config-docs`")
        if not check:
            path.write_text(content)


def _schema() -> str:
    schema = StudyConfig.model_json_schema()
    schema["properties"][laying.KEY] = {"description": laying.ABOUT, "title": "Extends", "type": "string"}
    # What a file need not say that lays itself over another.
    schema["anyOf"] = [{"required": schema.pop("required")}, {"required": [laying.KEY]}]
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def _readme() -> str:
    parts = [HEAD, OVER, "\n## Keys\n\n", *_model(StudyConfig)]
    for room, needs, title, where, field in ROOMS:
        parts.append(f"\n## {title}\n\nUnder `{where}`, `{field}` names one of these; the rest are its settings.\n\n")
        for name in registry.names(room, needs):
            module = registry.load(room, name, needs)
            parts.append(f"### {name}\n\n{first_paragraph(module.__doc__)}\n\n")
            parts += _table(module.Settings)
    parts.append("## Hardware (config/hardware.yaml)\n\n")
    parts += _model(Hardware)
    return "".join(parts).rstrip() + "\n"


def _model(model: type[BaseModel], where: str = "") -> Iterator[str]:
    """A model's table, then those of the models that its fields hold."""
    yield from _table(model)
    for name, field in model.model_fields.items():
        for inner in _inner(field.annotation):
            yield f"### {where}{name}\n\n{first_paragraph(inner.__doc__)}\n\n"
            yield from _model(inner, f"{where}{name}.")


def _inner(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _inner(argument)


def settings_of(model: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    """(key, type, default, meaning) of each of a model's keys, in a reader's words."""
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else f"`{field.get_default(call_default_factory=True)}`"
        default = "see below" if isinstance(field.default, BaseModel) else default
        yield field.alias or name, _type(field.annotation), default, field.description or ""


def _table(model: type[BaseModel]) -> Iterator[str]:
    if not model.model_fields:
        yield "No settings.\n\n"
        return
    yield "| key | type | default | meaning |\n|---|---|---|---|\n"
    for key, kind, default, meaning in settings_of(model):
        yield f"| `{key}` | {kind} | {default} | {meaning} |\n"
    yield "\n"


def _type(annotation: Any) -> str:
    """A type in a reader's words."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return "anything"
    if annotation is type(None):
        return "null"
    if origin is typing.Literal:
        return " or ".join(map(repr, arguments))
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(_type, arguments))
    if origin is dict:
        return f"map of {_type(arguments[1])}"
    if origin is list:
        return f"list of {_type(arguments[0])}"
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "Path": "path"}.get(
        annotation.__name__, annotation.__name__
    )


def first_paragraph(text: str | None) -> str:
    """What a docstring opens with, on one line."""
    return (text or "").strip().split("\n\n")[0].replace("\n", " ")
