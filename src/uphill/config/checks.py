"""What the parts of a config must be to each other: names, levels and layers that exist, and mean one thing each."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from uphill import registry
from uphill.config import labelled, reading
from uphill.config.complaints import first_problem, guess
from uphill.config.generated_checks import check_generated
from uphill.config.narrowing import check_something_stays
from uphill.config.panels import check_panels
from uphill.config.trained import check_trained
from uphill.experiments.arms import Arm, Level
from uphill.experiments.finding import experiments
from uphill.grading.grade import OF_TEXTS, needs_answer, reads_texts
from uphill.prompts.templates import PromptFormat
from uphill.running.places import shipped
from uphill.schemas.level_names import MIX
from uphill.schemas.mixtures import is_mixture
from uphill.schemas.names import ALL, EXPERIMENT_POOL, GOLD
from uphill.schemas.own_scales import base_of
from uphill.schemas.spelling import alike, means_something, twice

if TYPE_CHECKING:
    from uphill.config.study import Config

BLOCKS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
"""What models' own configs call the number of their blocks."""


def check_settings(where: str, entry: Mapping[str, Any], field: str, room: str, needs: str) -> None:
    """Check a module's own settings inside the config.

    Raises:
        ValueError: there is no such module, or its settings are wrong.
    """
    if field not in entry:
        raise ValueError(f"{where}.{field} is missing, expected one of {', '.join(registry.names(room, needs))}")
    try:
        module = registry.load(room, str(entry[field]), needs)
    except KeyError as error:
        known = set(registry.names(room, needs))
        raise ValueError(
            f"{where}.{field} is {entry[field]!r}, {error.args[0]}{guess(str(entry[field]), known)}"
        ) from None
    try:
        registry.settings_of(module, {key: value for key, value in entry.items() if key != field})
    except ValidationError as error:
        raise ValueError(first_problem(error, module.Settings, f"{where}.")) from None


def check_parts(config: "Config") -> None:
    """Everything of a config that no single entry can know.

    Raises:
        ValueError: the first thing that is wrong: key, value and what was expected.
    """
    for check in CHECKS:
        check(config)


def _variables_exist(config: "Config") -> None:
    for where, arm in config.placed_arms():
        cuts = {(dataset, level.variable) for dataset in arm.involved for level in arm.levels_in(dataset)}
        for dataset, variable in sorted(cuts):
            known = {*map(base_of, config.variables(dataset)), ALL}
            if base_of(variable) not in known:
                raise ValueError(
                    f"{where}.variable is {variable!r}, expected one of "
                    f"{', '.join(sorted(known - {ALL}))} for dataset {dataset!r}{guess(variable, known)}"
                )


def _cells_differ(config: "Config") -> None:
    seen: set[tuple[str, ...]] = set()
    for where, arm in config.placed_arms():
        baseline = config.datasets[arm.dataset].unsupervised
        cells = {(arm.slice, arm.dataset, method, model, arm.labels) for method in arm.methods for model in arm.models}
        again = sorted(cell for cell in cells & seen if cell[2] != baseline and not arm.repeats)
        if again:
            _, dataset, method, model, _ = again[0]
            raise ValueError(
                f"{where}: {method!r} with {model!r} on {dataset!r} by {arm.variable!r} occurs in two rows, "
                "expected each method once"
            )
        seen |= cells


def _draws_agree(config: "Config") -> None:
    draws: dict[tuple[str, str], Arm] = {}
    for where, arm in config.placed_arms():
        # Of one slice, too, so that each variable of a table has one draw.
        for split, dataset in (*((arm.split, name) for name in arm.involved), (arm.slice, arm.dataset)):
            other = draws.setdefault((split, dataset), arm)
            if _drawn_by(other) != _drawn_by(arm):
                raise ValueError(f"{where}: other boots, sizes or levels than an earlier row of the same variable")


def _drawn_by(arm: Arm) -> tuple[Any, ...]:
    """What decides the splits that arms of one name share."""
    return arm.boots, arm.n_train, arm.n_test, arm.min_test, arm.train_on, arm.test_on, arm.levels


def _folds_fit(config: "Config") -> None:
    folds = config.splits.folds
    for where, arm in config.placed_arms() if folds else ():
        if arm.train_pool != EXPERIMENT_POOL:
            continue  # a teacher is trained once, on items of its own
        if arm.boots not in (None, folds):
            raise ValueError(f"{where}.boots is {arm.boots}, expected none beside splits.folds {folds}: each is a boot")
        for dataset in arm.involved:
            if config.datasets[dataset].pools.test:
                raise ValueError(
                    f"splits.folds is {folds} and datasets.{dataset} has pools.test, expected one of them: a test pool "
                    "is tested whole in every boot"
                )


def _others_are_read(config: "Config") -> None:
    reading.read(config)


def _named_entries(config: "Config") -> Iterator[tuple[str, str]]:
    """(experiment, entry) of every entry that has a name, which is that of its tables and figures."""
    for experiment, module in experiments().items():
        if module.NAMED:
            yield from ((experiment, name) for name in config.entries(experiment))


def taken_names() -> set[str]:
    """Names of experiments, tables, prints and figures, whether the study has them or not."""
    found = {*experiments(), ALL, "wide", "generations", "certainty", "costs"}
    for name in registry.names("uphill.tables", "TABLES"):
        for table, made in registry.load("uphill.tables", name, "TABLES").TABLES.items():
            found |= {table, *made.also}
    for name in registry.names("uphill.figures", "FIGURES"):
        found |= {*registry.load("uphill.figures", name, "FIGURES").FIGURES}
    return found


def _entries_are_named(config: "Config") -> None:
    variables = {variable for dataset in config.datasets for variable in config.variables(dataset)}
    for experiment, name in _named_entries(config):
        if name.lower() in taken_names() or "." in name or name in variables:
            raise ValueError(f"{experiment}.{name}: the name is taken or has dots, expected a name of its own")


def _names_differ(config: "Config") -> None:
    kinds = ("datasets", "models", "recipes", "measures", "methods", "panels", "labels", "generations", "clusters")
    groups = {group: list(getattr(config, group)) for group in kinds}
    for experiment, name in _named_entries(config):
        groups.setdefault(experiment, []).append(name)
    for group, names in groups.items():
        same = alike(names)
        if same:
            raise ValueError(
                f"{group}.{same[1]}: {group}.{same[0]} differs in case only, which some file systems ignore; "
                "expected another name"
            )


def _labels_are_named(config: "Config") -> None:
    for name, entry in config.labels.items():
        if name.lower() == GOLD:
            raise ValueError(f"labels.{name}: the name is that of a dataset's own answers, expected another")
        implied = labelled.entries(config)[name]
        if implied != entry:
            raise ValueError(
                f"labels.{name}: the name is that of labels which a row makes ({implied}), expected another"
            )


def _variables_differ(config: "Config") -> None:
    for name in config.datasets:
        variables = [one for measure in config.measures_of(name) for one in config.measured_by(measure, name)]
        again, same = twice(variables), alike(variables)
        if again or same:
            raise ValueError(
                f"datasets.{name}: the variable {again or (same and same[1])!r} is given by two measures or columns "
                f"({_givers(config, name, str(again or (same and same[1])))}), expected each once; rename one"
            )
        for variable in variables:
            if means_something(variable) or variable.endswith(tuple(f".{one}" for one in experiments())):
                raise ValueError(
                    f"datasets.{name}: the variable {variable!r} ({_givers(config, name, variable)}) is called like "
                    "something else in tables or files, expected another name"
                )


def _givers(config: "Config", dataset: str, variable: str) -> str:
    found = [
        f"measures.{measure}"
        for measure, made in config.measures_of(dataset).items()
        for one in made
        if base_of(one).casefold() == variable.casefold()
    ]
    return ", ".join(dict.fromkeys(found))


def _bins_are_those_of_the_cuts(config: "Config") -> None:
    for name, entry in config.measures.items():
        meant, dataset = getattr(config.measure_settings(name), "bins", None), entry.get("dataset")
        cut = config.datasets[dataset].cuts.get(name) if meant and dataset in config.datasets else None
        if cut and cut.bins and cut.bins != meant:
            raise ValueError(
                f"measures.{name}.bins is {meant} and datasets.{dataset}.cuts.{name}.bins {cut.bins}, expected the same"
            )


def _cuts_cut(config: "Config") -> None:
    for name, dataset in config.datasets.items():
        known = {*map(base_of, config.variables(name))}
        for variable in dataset.cuts:
            if variable not in known:
                raise ValueError(
                    f"datasets.{name}.cuts.{variable}: no such variable, expected one of "
                    f"{', '.join(sorted(known))}{guess(variable, known)}"
                )


def _levels_exist(config: "Config") -> None:
    for where, arm in config.placed_arms():
        plain = [level.name for level in arm.levels if not level.equal]
        for key, names in (("train_on", arm.order), ("test_on", plain)):
            for level in getattr(arm, key) or ():
                _is_level(f"{where}.{key} is", level, arm.dataset, arm.variable, names)
        for one in (level for level in arm.levels if level.parts != (level.name,)):
            for dataset in arm.involved if one.dataset is None else (one.dataset,):
                known = [level.name for level in config.levels(dataset, one.variable)]
                for part in one.parts:
                    _is_level(f"{where}: the level of {one.name!r} is", part, dataset, one.variable, known)
            if one.equal:
                _from_easy_to_hard(where, one, plain)


def _from_easy_to_hard(where: str, mix: Level, plain: Sequence[str]) -> None:
    """A mix has one name."""
    named = MIX.join(level for level in plain if level in mix.parts)
    if named != mix.name:
        raise ValueError(f"{where}.train_on is {mix.name!r}, expected each level once, from easy to hard: {named!r}")


def _is_level(said: str, level: str, dataset: str, variable: str, known: Sequence[str]) -> None:
    if level not in known:
        raise ValueError(
            f"{said} {level!r}, expected a level of variable {variable!r} of dataset {dataset!r}: "
            f"{', '.join(known)}{guess(level, known)}"
        )


def _graders_fit(config: "Config") -> None:
    for name, dataset in config.datasets.items():
        if dataset.grader and config.generative(name) and not reads_texts(dataset.grader["kind"]):
            raise ValueError(
                f"datasets.{name}.grader.kind is {dataset.grader['kind']!r}, expected a grader of texts: the dataset "
                "has no choices"
            )
        kind = dataset.grader["kind"] if dataset.grader else OF_TEXTS
        if not config.answered(name) and needs_answer(kind):
            raise ValueError(
                f"datasets.{name}.source.answer is null, expected the column of the right answers: the grader {kind!r} "
                "compares with them"
            )


def _lengths_are_those_of_what_is_scored(config: "Config") -> None:
    """A grader knows the choices' texts; where their letters are scored, it would divide by other lengths."""
    for name, dataset in config.datasets.items():
        if (dataset.grader or {}).get("norm") != "chars" or config.generative(name):
            continue
        asked = [(f"datasets.{name}.prompt", dataset.prompt)]
        for method in dict.fromkeys(one for arm in config.arms() if arm.dataset == name for one in arm.methods):
            asked += [
                (f"methods.{method}.prompts", one) for one in getattr(config.method_settings(method), "prompts", ())
            ]
        for where, template in asked:
            if PromptFormat(config.templates.form(template)).names_choices:
                raise ValueError(
                    f"datasets.{name}.grader.norm is 'chars', and {where} {template!r} scores letters or numbers of "
                    "choices, expected none or tokens"
                )


def _levels_agree(config: "Config") -> None:
    for where, arm in config.placed_arms():
        for level in (level for level in arm.levels if level.dataset is None):
            for dataset in arm.involved:
                there, here = (
                    [one.name for one in config.levels(name, level.variable)] for name in (dataset, arm.dataset)
                )
                if there != here:
                    raise ValueError(
                        f"{where}.train_from: {level.variable!r} of dataset {dataset!r} is cut into "
                        f"{', '.join(there)}, expected the levels of {arm.dataset!r}: {', '.join(here)}; give both the "
                        "same kind of cuts"
                    )


def _mixtures_are_unseen(config: "Config") -> None:
    for where, arm in config.placed_arms() if config.splits.train_on_test else ():
        for source in filter(is_mixture, arm.sources):
            raise ValueError(
                f"{where}.train_from has {source!r} and splits.train_on_test is on, expected one of them: which test "
                "items a mixture has seen is not told"
            )


def _baselines_train_on_nothing(config: "Config") -> None:
    for name, dataset in config.datasets.items():
        if config.n_train(dataset.unsupervised):
            raise ValueError(
                f"datasets.{name}.unsupervised is {dataset.unsupervised!r}, which trains on "
                f"{config.n_train(dataset.unsupervised)} items, expected a method that trains on none"
            )


def _pairs_agree(config: "Config") -> None:
    known: dict[tuple[str, str], str] = {}
    for where, arm in config.placed_arms():
        for full, other in arm.pairs.items():
            earlier = known.setdefault((arm.dataset, full), other)
            if full == other or earlier != other:
                beside = "itself" if full == other else f"{earlier!r} in an earlier row of the same dataset"
                raise ValueError(f"{where}.pairs.{full} is {other!r}, and {beside}; expected one other model")


def _layers_exist(config: "Config") -> None:
    for name in _used(config, (arm for _, arm in config.placed_arms())):
        path = config.model(name).path
        last = _blocks(Path(shipped(path))) if path else None
        for layer in config.responses.layers or ():
            if last is not None and layer > last:
                raise ValueError(f"responses.layers is {layer}, expected 0 to {last}, the states that {name!r} has")


def _layers_are_kept(config: "Config") -> None:
    kept = config.responses.layers or []
    read = {f"methods.{name}": config.method_settings(name) for name in config.methods}
    read |= {f"measures.{name}": config.measure_settings(name) for name in config.measures}
    for where, settings in read.items():
        for layer in getattr(settings, "layers", None) or ():
            if layer not in kept:
                known = ", ".join(map(str, kept)) or "null: name those that are to be kept"
                raise ValueError(f"{where}.layers is {layer}, expected of responses.layers, which is {known}")


def _used(config: "Config", arms: Iterable[Arm]) -> list[str]:
    """Models that some measure or arm names."""
    named = [model for arm in arms for model in arm.models]
    asked = [model for panel in config.panels.values() for model in panel.models]
    return list(dict.fromkeys([*config.hardness_models, *config.test_models, *named, *asked]))


def _blocks(folder: Path) -> int | None:
    """The number of a local model's blocks, or None where its config has no such word: its job will know."""
    try:
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    nested = told.get("text_config") if isinstance(told, dict) else None
    for entry in (told, nested):
        for key in BLOCKS:
            if isinstance(entry, dict) and isinstance(entry.get(key), int):
                return int(entry[key])
    return None


CHECKS: Sequence[Callable[["Config"], None]] = (
    check_something_stays,
    *(_variables_exist, _entries_are_named, _cells_differ, _levels_agree, _draws_agree, _folds_fit),
    *(_labels_are_named, _names_differ, _variables_differ, _bins_are_those_of_the_cuts, _cuts_cut),
    *(_graders_fit, _lengths_are_those_of_what_is_scored, _levels_exist),
    *(_mixtures_are_unseen, _baselines_train_on_nothing, _pairs_agree, _layers_exist, _layers_are_kept, check_panels),
    *(check_generated, check_trained, _others_are_read),
)
"""In this order: what a later one looks up, an earlier one has found to exist."""
