"""What the parts of a config must be to each other: names, levels and layers that exist, and mean one thing each."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from uphill import registry
from uphill.config.complaints import first_problem, guess
from uphill.experiments import LEARNING_CURVES, NOISY_LABELS, POPULATION, QUANTIZATION, Row, named
from uphill.grading.grade import OF_TEXTS, needs_answer, reads_texts
from uphill.prompts.templates import PromptFormat
from uphill.schemas.level_names import bin_name
from uphill.schemas.names import ALL, LEVELS
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
    for where, row in config.placed_rows():
        cuts = [(dataset, band.variable) for dataset, bands in row.bands.items() for band in bands.values()]
        for dataset, variable in cuts or [(dataset, row.variable) for dataset in row.involved]:
            known = {*config.variables(dataset), ALL}
            if variable not in known or (variable == ALL and row.experiment == POPULATION):
                raise ValueError(
                    f"{where}.variable is {variable!r}, expected one of "
                    f"{', '.join(sorted(known - {ALL}))} for dataset {dataset!r}{guess(variable, known)}"
                )


def _cells_differ(config: "Config") -> None:
    seen: set[tuple[str, ...]] = set()
    for where, row in config.placed_rows():
        baseline = config.datasets[row.dataset].unsupervised
        cells = {(row.slice, row.dataset, method, model) for method in row.methods for model in row.models}
        again = sorted(cell for cell in cells & seen if cell[2] != baseline)
        if again:
            _, dataset, method, model = again[0]
            raise ValueError(
                f"{where}: {method!r} with {model!r} on {dataset!r} by {row.variable!r} occurs in two rows, "
                "expected each method once"
            )
        seen |= cells


def _draws_agree(config: "Config") -> None:
    draws: dict[tuple[str, str], Row] = {}
    for where, row in config.placed_rows():
        for dataset in row.involved:
            other = draws.setdefault((row.slice, dataset), row)
            if (other.boots, other.n_train, other.train_on, other.test_on) != (
                *(row.boots, row.n_train, row.train_on, row.test_on),
            ):
                raise ValueError(f"{where}: other boots, sizes or levels than an earlier row of the same variable")


def _folds_fit(config: "Config") -> None:
    folds = config.splits.folds
    for where, row in config.placed_rows() if folds else ():
        if row.boots not in (None, folds):
            raise ValueError(f"{where}.boots is {row.boots}, expected none beside splits.folds {folds}: each is a boot")
        for dataset in row.involved:
            if config.datasets[dataset].pools.test:
                raise ValueError(
                    f"splits.folds is {folds} and datasets.{dataset} has pools.test, expected one of them: a test pool "
                    "is tested whole in every boot"
                )


def _ladders_are_named(config: "Config") -> None:
    variables = {variable for dataset in config.datasets for variable in config.variables(dataset)}
    taken = named(list(config.ladders)) or next((name for name in config.ladders if name in variables), None)
    if taken:
        raise ValueError(f"ladders.{taken}: the name is taken or has dots, expected a name of its own")


def _names_differ(config: "Config") -> None:
    for group in ("datasets", "models", "measures", "methods", "ladders"):
        same = alike(getattr(config, group))
        if same:
            raise ValueError(
                f"{group}.{same[1]}: {group}.{same[0]} differs in case only, which some file systems ignore; "
                "expected another name"
            )


def _variables_differ(config: "Config") -> None:
    for name in config.datasets:
        variables = config.variables(name)
        again, same = twice(variables), alike(variables)
        if again or same:
            raise ValueError(
                f"datasets.{name}: the variable {again or (same and same[1])!r} is given by two measures or columns "
                f"({_givers(config, name, str(again or (same and same[1])))}), expected each once; rename one"
            )
        for variable in variables:
            if means_something(variable) or variable.endswith(tuple(f".{one}" for one in _OWN_SPLITS)):
                raise ValueError(
                    f"datasets.{name}: the variable {variable!r} ({_givers(config, name, variable)}) is called like "
                    "something else in tables or files, expected another name"
                )


_OWN_SPLITS = (LEARNING_CURVES, NOISY_LABELS, QUANTIZATION)
"""Experiments whose splits are called VARIABLE.EXPERIMENT."""


def _givers(config: "Config", dataset: str, variable: str) -> str:
    found = [
        f"measures.{measure}"
        for measure, made in config.measures_of(dataset).items()
        for one in made
        if one.casefold() == variable.casefold()
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
        known = config.variables(name)
        for variable in dataset.cuts:
            if variable not in known:
                raise ValueError(
                    f"datasets.{name}.cuts.{variable}: no such variable, expected one of "
                    f"{', '.join(sorted(known))}{guess(variable, known)}"
                )


def levels_of(config: "Config", dataset: str, variable: str) -> list[str]:
    """The levels that a variable of a dataset is cut into, from easy to hard."""
    if variable == ALL:
        return [ALL]
    how = config.datasets[dataset].cuts.get(variable)
    return [bin_name(number + 1) for number in range(how.bins)] if how and how.bins else list(LEVELS)


def _levels_exist(config: "Config") -> None:
    for key, level, dataset, variable in _named_levels(config):
        known = levels_of(config, dataset, variable)
        if level not in known:
            raise ValueError(
                f"{key} is {level!r}, expected a level of variable {variable!r} of dataset {dataset!r}: "
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
        for method in dict.fromkeys(one for row in config.rows() if row.dataset == name for one in row.methods):
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
    for where, row in config.placed_rows():
        for dataset in () if row.bands else row.involved:
            there, here = (levels_of(config, name, row.variable) for name in (dataset, row.dataset))
            if there != here:
                raise ValueError(
                    f"{where}.train_from: {row.variable!r} of dataset {dataset!r} is cut into {', '.join(there)}, "
                    f"expected the levels of {row.dataset!r}: {', '.join(here)}; give both the same kind of cuts"
                )


def _named_levels(config: "Config") -> Iterator[tuple[str, str, str, str]]:
    """(key, level, dataset, variable) of every level that the config names."""
    for where, row in config.placed_rows():
        for key in () if row.bands else ("train_on", "test_on"):
            for level in getattr(row, key) or ():
                for dataset in row.involved:
                    yield f"{where}.{key}", level, dataset, row.variable
    for name, ladder in config.ladders.items():
        for key, rung in (("test", ladder.test), *((f"train.{rung}", at) for rung, at in ladder.train.items())):
            if rung.level is not None:
                yield f"ladders.{name}.{key}.level", rung.level, rung.dataset, rung.variable


def _rungs_are_named(config: "Config") -> None:
    for name, ladder in config.ladders.items():
        for rung in ladder.train:
            if means_something(rung):
                raise ValueError(
                    f"ladders.{name}.train.{rung}: the name {rung!r} means something else in tables, expected a name "
                    "that says what is trained on"
                )


def _rungs_differ(config: "Config") -> None:
    for name, ladder in config.ladders.items():
        same = alike(ladder.train)
        if same:
            raise ValueError(f"ladders.{name}.train.{same[1]}: {same[0]!r} differs in case only, expected another name")
        seen: dict[Any, str] = {}
        for rung, at in ladder.train.items():
            other = seen.setdefault((at.dataset, at.band), rung)
            if other != rung:
                raise ValueError(f"ladders.{name}.train.{rung}: the same items as {other!r}, expected each rung once")


def _baselines_train_on_nothing(config: "Config") -> None:
    for name, dataset in config.datasets.items():
        if config.n_train(dataset.unsupervised):
            raise ValueError(
                f"datasets.{name}.unsupervised is {dataset.unsupervised!r}, which trains on "
                f"{config.n_train(dataset.unsupervised)} items, expected a method that trains on none"
            )


def _pairs_agree(config: "Config") -> None:
    known: dict[tuple[str, str], str] = {}
    for number, entry in enumerate(config.quantization):
        for full, quantized in entry.pairs.items():
            other = known.setdefault((entry.dataset, full), quantized)
            if full == quantized or other != quantized:
                beside = "itself" if full == quantized else f"{other!r} in an earlier row of the same dataset"
                raise ValueError(
                    f"quantization.{number}.pairs.{full} is {quantized!r}, and {beside}; expected one other model"
                )


def _layers_exist(config: "Config") -> None:
    for name in _used(config, (row for _, row in config.placed_rows())):
        path = config.models[name].path
        last = _blocks(Path(path)) if path else None
        for layer in config.responses.layers or ():
            if last is not None and layer > last:
                raise ValueError(f"responses.layers is {layer}, expected 0 to {last}, the states that {name!r} has")


def _used(config: "Config", rows: Iterable[Row]) -> list[str]:
    """Models that some measure or row names."""
    named = [model for row in rows for model in row.models]
    return list(dict.fromkeys([*config.hardness_models, *config.test_models, *named]))


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
    *(_variables_exist, _cells_differ, _draws_agree, _folds_fit, _ladders_are_named),
    *(_names_differ, _variables_differ, _bins_are_those_of_the_cuts, _cuts_cut),
    *(_graders_fit, _lengths_are_those_of_what_is_scored),
    *(_levels_exist, _levels_agree, _rungs_are_named, _rungs_differ),
    *(_baselines_train_on_nothing, _pairs_agree, _layers_exist),
)
"""In this order: what a later one looks up, an earlier one has found to exist."""
