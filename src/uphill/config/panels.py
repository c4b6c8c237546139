"""Panels: who answers the items that a scale of difficulty is made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from uphill.config import labelled
from uphill.experiments.arms import Arm, Entry
from uphill.schemas.names import GOLD, UNSUPERVISED
from uphill.schemas.spelling import Names

if TYPE_CHECKING:
    from uphill.config.study import Config


class PanelCells(Entry):
    """Training conditions of the study's own experiments: each (method, model, level, boot) is a respondent."""

    methods: Names = Field(min_length=1, description="Names from `methods`, run by the experiment.")
    models: Names = Field([], description="Models; all that the experiment runs unless given.")
    experiment: str | None = Field(
        None, description="The experiment, or the name of its entry; to be said where several run the method."
    )
    variable: str | None = Field(
        None, description="The variable that cuts the levels trained on; to be said where there are several."
    )
    labels: str = Field(GOLD, description="What was trained on: `gold`, or a name from `labels`.")
    train_on: Names = Field([], description="Levels trained on; all of them unless given.")
    boots: list[Annotated[int, Field(ge=0, le=1000)]] = Field([], description="Boots, from 0; all unless given.")


class Panel(Entry):
    """Who answers the items of a dataset."""

    dataset: str = Field(description="The dataset whose items are answered.")
    models: Names = Field([], description="Models that answer as they are, by the zero-shot pass.")
    by: Literal["choice"] = Field("choice", description="A model's answer is its likeliest choice.")
    cells: list[PanelCells] = Field(
        [], description="What was trained, by its graded answers. Nobody answers an item that it was trained on."
    )

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.models and not self.cells:
            raise ValueError("nobody answers, expected models, or cells, or both")
        return self


@dataclass(frozen=True)
class Chosen:
    """Cells of one slice of the predictions of a method with a model.

    Attributes:
        train_on: levels; `none` of a method that trains on nothing.
        boots: None for all.
    """

    method: str
    model: str
    arm: Arm
    labels: str
    train_on: tuple[str, ...]
    boots: tuple[int, ...] | None


def chosen(config: "Config", panel: str) -> Iterator[Chosen]:
    """The cells of a panel.

    Raises:
        ValueError: no experiment or more than one has them, or none such a model, level or boot.
    """
    entry = config.panels[panel]
    for number, cells in enumerate(entry.cells):
        for method in cells.methods:
            yield from _of_method(config, f"panels.{panel}.cells.{number}", entry.dataset, cells, method)


def read(config: "Config") -> list[str]:
    """Names of panels that answer: all, or in a part of a study those of datasets that some row involves."""
    if config.only is None:
        return list(config.panels)
    involved = {dataset for arm in config.arms() for dataset in arm.involved}
    return [name for name, panel in config.panels.items() if panel.dataset in involved]


def kinds_by_model(config: "Config", panel: str) -> dict[str, set[str]]:
    """By model of a panel, the kinds of methods by which it answers; as it is, that of the zero-shot pass."""
    found: dict[str, set[str]] = {model: {"zero_shot"} for model in config.panels[panel].models}
    for cells in chosen(config, panel):
        found.setdefault(cells.model, set()).add(str(config.methods[cells.method]["kind"]))
    return found


def _of_method(config: "Config", where: str, dataset: str, cells: PanelCells, method: str) -> Iterator[Chosen]:
    arms = [
        arm
        for arm in config.arms()
        if arm.dataset == dataset
        and method in arm.methods
        and taught(config, arm, method) == (cells.labels if config.n_train(method) else GOLD)
        and cells.experiment in (None, arm.experiment)
        and cells.variable in (None, arm.variable)
    ]
    slices = list(dict.fromkeys(arm.slice for arm in arms))
    if len(slices) != 1:
        found = ", ".join(slices) or f"no experiment (by such a variable, with {cells.labels} labels)"
        raise ValueError(
            f"{where}: {method!r} is tested on dataset {dataset!r} by {found}; expected one, named by experiment and "
            "variable"
        )
    by_model = {model: arm for arm in arms for model in arm.models}
    for model in cells.models or by_model:
        if model not in by_model:
            raise ValueError(
                f"{where}.models is {model!r}, expected one that {slices[0]} runs {method!r} with: "
                f"{', '.join(by_model)}"
            )
        arm = by_model[model]
        if config.n_train(method):
            boots = _boots(config, where, cells, arm)
            yield Chosen(method, model, arm, cells.labels, _levels(where, cells, arm), boots)
        else:
            yield Chosen(method, model, arm, GOLD, (UNSUPERVISED,), None)


def taught(config: "Config", arm: Arm, method: str) -> str:
    """The labels that a method is trained on in an arm; one that trains on nothing is the same with any."""
    return arm.labels if config.n_train(method) else GOLD


def _levels(where: str, cells: PanelCells, arm: Arm) -> tuple[str, ...]:
    trained = arm.order if arm.train_on is None else arm.train_on
    for level in cells.train_on:
        if level not in trained:
            raise ValueError(
                f"{where}.train_on is {level!r}, expected a level that {arm.slice} trains on: {', '.join(trained)}"
            )
    return tuple(cells.train_on or trained)


def _boots(config: "Config", where: str, cells: PanelCells, arm: Arm) -> tuple[int, ...] | None:
    drawn = arm.boots or config.splits.draws
    for boot in cells.boots:
        if boot >= drawn:
            raise ValueError(f"{where}.boots is {boot}, expected less than {drawn}, the boots of {arm.slice}")
    return tuple(sorted(set(cells.boots))) or None


def check_panels(config: "Config") -> None:
    """Panels that can answer, of the dataset of the measures that read them, and that rest on no scale of their own.

    Raises:
        ValueError: one is not.
    """
    for name, panel in config.panels.items():
        if not config.answered(panel.dataset):
            raise ValueError(f"panels.{name}.dataset is {panel.dataset!r}, expected one with right answers")
        if panel.models and config.generative(panel.dataset):
            raise ValueError(
                f"panels.{name}.models: answers of dataset {panel.dataset!r} are written, expected cells of a method "
                "that writes"
            )
    for name in read(config):
        list(chosen(config, name))
    for measure in config.measures:
        of = config.panel_of(measure)
        if of is not None and config.measures[measure].get("dataset") != config.panels[of].dataset:
            raise ValueError(
                f"measures.{measure}.dataset is {config.measures[measure].get('dataset')!r} and panels.{of}.dataset "
                f"{config.panels[of].dataset!r}, expected the same"
            )
    for name in read(config):
        _rests_on_none(config, name, ())


def _rests_on_none(config: "Config", panel: str, above: tuple[str, ...]) -> None:
    """Follow what the jobs of a panel's cells read the levels of, and what made those.

    A job makes every cell of a method with a model on a dataset, those of other experiments too.
    """
    for cells in chosen(config, panel):
        for arm, dataset, variable in _cut_by(config, cells):
            for measure, variables in config.measures_of(dataset).items():
                of = config.panel_of(measure) if variable in variables else None
                if of in (panel, *above):
                    raise ValueError(
                        f"panels.{panel}.cells: the job of {cells.method!r} with {cells.model!r} on "
                        f"{cells.arm.dataset!r}, for {cells.arm.slice}, rests on {arm.slice}, which has levels of "
                        f"{variable!r}; measures.{measure} makes these of panels.{of}; expected a method of another "
                        "name, which may have the same settings"
                    )
                if of is not None:
                    _rests_on_none(config, of, (panel, *above))


def _cut_by(config: "Config", cells: Chosen) -> Iterator[tuple[Arm, str, str]]:
    """(arm, dataset, variable) of every level of the job that makes some cells, and of those of its teachers."""
    pending, known = [(cells.method, cells.model, cells.arm.dataset, cells.labels)], set()
    while pending:
        method, model, dataset, labels = job = pending.pop()
        if job in known:
            continue
        known.add(job)
        for arm in config.arms():
            own = arm.dataset == dataset and method in arm.methods and model in arm.models
            if own and taught(config, arm, method) == labels:
                found = {(name, level.variable) for name in arm.involved for level in arm.levels_in(name)}
                yield from ((arm, *each) for each in sorted(found))
        teacher = None if labels == GOLD else labelled.teacher(config, labels)
        if teacher is not None:
            [method], [model] = teacher.methods, teacher.models
            pending.append((method, model, teacher.dataset, taught(config, teacher, method)))
