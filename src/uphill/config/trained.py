"""Models that are trained here: what they are made of, what they have of their base, and what they may be asked."""

from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from uphill.config import generated, labelled, own_scales
from uphill.config.entries import Model, Trained
from uphill.config.panels import chosen, taught
from uphill.datasets.pools import Holds
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.text_recipe import ModelRecipe, TextRecipe
from uphill.experiments.arms import TEACHERS, Arm
from uphill.schemas.names import EXPERIMENT_POOL, GOLD
from uphill.schemas.own_scales import base_of, model_of, own_name
from uphill.weak_to_strong.interface import TextLabels

if TYPE_CHECKING:
    from uphill.config.study import Config

OWN = ("dtype", "quantization", "chat", "trailing_space", "bos")
"""Keys of a model that a training of it may say anew."""


def chain(config: "Config", model: str) -> list[str]:
    """A model, its base, the base of that, and so on; the last is trained by nobody here.

    Raises:
        ValueError: one is its own base, by way of others or not.
    """
    found = [model]
    while (training := config.models[found[-1]].trained) is not None:
        found.append(training.base)
        if training.base in found[:-1]:
            raise ValueError(_circle(_nodes("models", reversed(found[found.index(training.base) :]))))
    return found


def _circle(nodes: Iterable[str]) -> str:
    """The line on what is made of itself, each of the next, the first and last the same."""
    around = list(nodes)
    way = " for ".join(around)
    return f"{around[0]} is made of itself: {way}; expected no circle of models, labels, measures and panels"


def resolved(config: "Config", model: str) -> Model:
    """A model's entry with all that it has of its base: where the first one is from, and what decides numbers."""
    names = chain(config, model)
    first = config.models[names[-1]]
    said = {
        key: getattr(config.models[name], key)
        for name in reversed(names[:-1])
        for key in OWN
        if key in config.models[name].model_fields_set
    }
    # A copy is not validated again: it is a training and has a place, as no entry of a config.
    return first.model_copy(update={**said, "trained": config.models[model].trained})


def bases(config: "Config") -> dict[str, str]:
    """The base of each model that is trained here."""
    return {name: entry.trained.base for name, entry in config.models.items() if entry.trained is not None}


def recipe_of(config: "Config", model: str) -> ModelRecipe:
    """How a model is trained."""
    return config.recipes[_training(config, model).recipe]


def labels_learned(config: "Config", model: str) -> list[str]:
    """Names of the labels that a model and its bases were trained on."""
    return [_training(config, name).labels for name in chain(config, model)[:-1]]


def adapters_of(config: "Config", model: str) -> list[str]:
    """Models of a chain whose adapters lie over its last whole weights, the lowest first."""
    found: list[str] = []
    for name in chain(config, model)[:-1]:
        if recipe_of(config, name).adapter is None:
            break
        found.insert(0, name)
    return found


def _training(config: "Config", model: str) -> Trained:
    found = config.models[model].trained
    assert found is not None, "it is trained here"
    return found


def labels_behind(config: "Config", models: Iterable[str], labels: Iterable[str]) -> list[str]:
    """Labels, those that models were trained on, those that the teachers of all these were trained on, and so on.

    Names that nothing has, and circles, are left for who looks for them.
    """
    found: dict[str, None] = {}
    seen, pending = set(), [*_nodes("labels", labels), *_nodes("models", models)]
    while pending:
        node = pending.pop(0)
        if node not in seen:
            seen.add(node)
            group, _, name = node.partition(".")
            found |= {name: None} if group == "labels" else {}
            pending += _made_of(config, group, name)
    return list(found)


def _nodes(group: str, names: Iterable[str]) -> Iterator[str]:
    return (f"{group}.{name}" for name in names)


def _made_of(config: "Config", group: str, name: str) -> list[str]:
    """What of the config a model or labels are made of, as keys."""
    if group == "models":
        training = config.models[name].trained if name in config.models else None
        return [] if training is None else [f"models.{training.base}", f"labels.{training.labels}"]
    if group in ("generations", "clusters"):
        return _written_from(config, group, name)
    if (own := _texts(config, name)) is not None:
        return [*_nodes("generations", [own.texts]), *_nodes("clusters", [own.sorted_by] if own.sorted_by else [])]
    teacher = labelled.teacher(config, name)
    if teacher is None:
        return []
    return [*_nodes("models", teacher.models), *_nodes("labels", [teacher.labels] if teacher.labels != GOLD else [])]


def _written_from(config: "Config", group: str, name: str) -> list[str]:
    """What texts, or clusters of them, are made of."""
    if name not in getattr(config, group):
        return []
    if group == "clusters":
        clusters = config.clusters[name]
        return [
            *_nodes("generations", [clusters.generation]),
            *_nodes("models", [] if clusters.model is None else [clusters.model]),
        ]
    entry = config.generations[name]
    beside = [generated.shown(config, one) for one in entry.beside.values()]
    return [f"models.{entry.model}", *(f"{one.kind}.{one.name}" for one in beside)]


def _texts(config: "Config", labels: str) -> TextLabels | None:
    """The settings of labels that are texts, and nothing of others."""
    own = labelled.settings_of(config, labels) if labels in labelled.entries(config) else None
    return own if isinstance(own, TextLabels) else None


def references(config: "Config") -> Iterator[tuple[str, str, set[str]]]:
    """(key, name, names that there are) of what trainings name."""
    known = {"base": set(config.models), "labels": set(labelled.entries(config)), "recipe": set(config.recipes)}
    for model, entry in config.models.items():
        for key, names in known.items() if entry.trained is not None else ():
            yield f"models.{model}.trained.{key}", getattr(entry.trained, key), names


def check_trained(config: "Config") -> None:
    """Trainings that can be made: of no circle, on labels that they can learn, asked nothing that they have learned.

    Raises:
        ValueError: one cannot.
    """
    chains = [name for name in labelled.entries(config) if labelled.pool_of(config, name) != EXPERIMENT_POOL]
    if not bases(config) and not chains:
        return
    _no_circles(config)
    for name in bases(config):
        _can_learn(config, name)
        _can_be_loaded(config, name)
    for where, arm in config.placed_arms():
        _can_be_fitted(config, where, arm)
    _unseen(config)


def _no_circles(config: "Config") -> None:
    """Nothing rests on itself, by way of teachers, of hardness that models measure, or of panels that they answer."""
    arms, graph = config.arms(), dict[str, list[str]]()
    pending = [*_nodes("models", config.models), *_nodes("labels", labelled.entries(config))]
    while pending:
        node = pending.pop()
        if node not in graph:
            graph[node] = list(dict.fromkeys(_rests_on(config, arms, node)))
            pending += graph[node]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = [node for node in error.args[1] if not node.startswith(JOB)]
        raise ValueError(_circle([*circle, circle[0]] if circle[0] != circle[-1] else circle)) from None


JOB = "job."
"""Before the names of a job of predictions, which makes all that a method and a model are asked of a dataset."""


def _rests_on(config: "Config", arms: list[Arm], node: str) -> Iterator[str]:
    group, _, name = node.partition(".")
    if group == "models":
        yield from _made_of(config, group, name)
    elif group in ("generations", "clusters"):
        yield from _written_from(config, group, name)
    elif group == "labels":
        teacher = labelled.teacher(config, name)
        if _texts(config, name) is not None:
            yield from _made_of(config, group, name)
        elif teacher is not None:
            yield _job(config, teacher, teacher.methods[0], teacher.models[0])
    elif group == "measures":
        measure, own = base_of(name), model_of(name)
        if (panel := config.panel_of(measure)) is not None:
            yield f"panels.{panel}"
        elif config.asks_models(measure):
            yield from _nodes("models", [own] if own else config.hardness_models)
    elif group == "panels":
        yield from _nodes("models", config.panels[name].models)
        for cells in chosen(config, name):
            yield _job(config, cells.arm, cells.method, cells.model)
    else:
        yield from _read_by_job(config, arms, name)


def _job(config: "Config", arm: Arm, method: str, model: str) -> str:
    return f"{JOB}{method}/{model}/{arm.dataset}/{taught(config, arm, method)}"


def _read_by_job(config: "Config", arms: list[Arm], job: str) -> Iterator[str]:
    """The model, the labels, and the measures that cut the levels of every arm that the job makes."""
    _, model, _, labels = job.split("/")
    yield f"models.{model}"
    if labels != GOLD:
        yield f"labels.{labels}"
    for arm in arms:
        of_job = any(_job(config, arm, method, model) == f"{JOB}{job}" for method in arm.methods)
        for dataset in arm.involved if of_job and model in arm.models else ():
            cut_by = {level.variable for level in arm.levels_in(dataset)}
            for name, variables in config.measures_of(dataset).items():
                owners = dict.fromkeys(model_of(one) for one in variables if one in cut_by)
                yield from _nodes("measures", (own_name(name, own) if own else name for own in owners))


def _can_learn(config: "Config", model: str) -> None:
    training, recipe = _training(config, model), recipe_of(config, model)
    own, where = labelled.settings_of(config, training.labels), f"models.{model}.trained.labels"
    items = generated.labelled_items(config, training.labels)
    dataset = config.datasets[items.dataset]
    if own.softly:
        raise ValueError(f"{where}: labels {training.labels!r} are soft, expected soft: false: texts are learned")
    of_texts = isinstance(own, TextLabels)
    if not of_texts and not config.answered(items.dataset) and labelled.teacher(config, training.labels) is None:
        raise ValueError(
            f"{where}: labels {training.labels!r} are of dataset {items.dataset!r}, whose source has answer: null, "
            "expected right answers"
        )
    if items.pool != EXPERIMENT_POOL and not getattr(dataset.pools, items.pool):
        raise ValueError(
            f"labels.{training.labels}: datasets.{items.dataset}.pools.{items.pool} is 0, expected items to train on"
        )
    if not recipe.cot:
        return
    if dataset.cot_prompt is None:
        raise ValueError(
            f"{where}: datasets.{items.dataset}.cot_prompt is missing, expected one, or a recipe without cot"
        )
    if getattr(own, "target", None) == "answer" or not (
        of_texts or labelled.kind_of(config, training.labels).GIVES_REASONING
    ):
        raise ValueError(
            f"{where}: labels {training.labels!r} have no reasoning, which recipes.{training.recipe} trains on; "
            "expected a recipe without cot"
        )


def _can_be_loaded(config: "Config", model: str) -> None:
    """Whether what is trained can be put together again; an adapter is merged into whole weights alone."""
    entry, base, training = resolved(config, model), chain(config, model)[1], _training(config, model)
    whole = recipe_of(config, model).adapter is None
    if whole and entry.quantization != "none":
        raise ValueError(
            f"models.{model}: recipes.{training.recipe} trains all weights, and quantization is "
            f"{entry.quantization!r}, expected none, or an adapter"
        )
    if whole and entry.trust_remote_code:
        raise ValueError(
            f"models.{model}: recipes.{training.recipe} trains all weights, and the code of {base!r} comes with it, "
            "expected an adapter: code is not copied"
        )
    below = adapters_of(config, base)
    if below and entry.quantization != "none":
        raise ValueError(
            f"models.{model}: quantization is {entry.quantization!r}, and its base is the adapter {below[-1]!r}, which "
            "is merged into plain weights alone; expected quantization: none"
        )


def _can_be_fitted(config: "Config", where: str, arm: Arm) -> None:
    """Whether an arm fits no quantized weights, and nothing on an adapter over them."""
    settings = {method: config.method_settings(method) for method in arm.methods}
    fits = [method for method, own in settings.items() if isinstance(own, LoraRecipe | TextRecipe)]
    whole = [method for method, own in settings.items() if isinstance(own, TextRecipe) and own.adapter is None]
    quantized = [model for model in arm.models if resolved(config, model).quantization != "none"] if fits else []
    for model in quantized:
        if adapters_of(config, model):
            raise ValueError(
                f"{where}: {fits[0]!r} fits {model!r}, an adapter over quantized weights, expected quantization: none"
            )
        if whole:
            raise ValueError(
                f"{where}: {whole[0]!r} trains all weights of {model!r}, whose quantization is "
                f"{resolved(config, model).quantization!r}, expected none, or a method with an adapter"
            )


def _unseen(config: "Config") -> None:
    """Nobody is tested on, labels or measures an item that it was trained on."""
    for where, arm in config.placed_arms():
        for model in arm.models:
            for labels, taught_on in learned(config, model):
                tested = _tested_pools(config, arm)
                if _shared(config, (taught_on.dataset, taught_on.pool), arm.dataset, tested):
                    does = "labels" if arm.kind == TEACHERS else "is tested on"
                    raise ValueError(
                        f"{where}: {model!r} {does} items of dataset {arm.dataset!r} that it was trained on, by labels "
                        f"{labels!r}; expected {'another pool' if arm.kind == TEACHERS else 'pools.test'}"
                    )
    for name, entry in config.generations.items():
        _writes_unseen(config, f"generations.{name}", name, entry.model)
    for name, panel in config.panels.items():
        for model in panel.models:
            _knows_none(config, f"panels.{name}.models", model, [panel.dataset])
    for dataset in config.datasets:
        for measure in config.measures_of(dataset):
            own = own_scales.is_own(config, measure)
            for model in config.measuring(measure, dataset):
                _knows_none(config, f"measures.{measure}.models" if own else "hardness_models", model, [dataset])


def _writes_unseen(config: "Config", where: str, generation: str, model: str) -> None:
    """What a model writes of items that it learned is no weak label, and no sample of what it can do."""
    asked = generated.items_of(config, generation)
    for labels, taught_on in learned(config, model):
        if asked.meets(taught_on) or (
            asked.dataset != taught_on.dataset
            and _shared(config, (taught_on.dataset, taught_on.pool), asked.dataset, (asked.pool,))
        ):
            raise ValueError(
                f"{where}: {model!r} writes of items of dataset {asked.dataset!r} that it was trained on, by labels "
                f"{labels!r}; expected another pool, or the other half of it"
            )


def learned(config: "Config", model: str) -> Iterator[tuple[str, generated.Items]]:
    """(labels, items) of all that a model and its bases were trained on."""
    for labels in labels_learned(config, model):
        yield labels, generated.labelled_items(config, labels)


def _tested_pools(config: "Config", arm: Arm) -> tuple[str, ...]:
    """The pools whose items an arm tests; those of the first, where there is a test pool, alone."""
    if arm.kind == TEACHERS:
        return (arm.answers, EXPERIMENT_POOL)
    return () if config.datasets[arm.dataset].pools.test is not None else (EXPERIMENT_POOL,)


def _shared(config: "Config", trained: tuple[str, str], dataset: str, pools: tuple[str, ...]) -> bool:
    """Whether what was trained on may be among items of some pools of a dataset.

    Two datasets of one source have the same items in pools of their own, but for those that both test alone.
    """
    if trained[0] == dataset:
        return trained[1] in pools
    one, other = config.datasets[trained[0]], config.datasets[dataset]
    alike = isinstance(one.pools.test, Holds) and one.pools.test == other.pools.test
    return one.source == other.source and not (not pools and alike)


def _knows_none(config: "Config", where: str, model: str, datasets: Iterable[str]) -> None:
    for labels, where_from in learned(config, model):
        trained, pool = where_from.dataset, where_from.pool
        for dataset in datasets:
            if dataset == trained or _shared(config, (trained, pool), dataset, (EXPERIMENT_POOL,)):
                raise ValueError(
                    f"{where}: {model!r} was trained on items of dataset {dataset!r}, by labels {labels!r}, and would "
                    "measure them; expected a model that was not"
                )
