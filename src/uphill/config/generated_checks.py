"""What generations, clusters and labels made of texts must be to each other: checked before anything runs."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from uphill.config import generated
from uphill.config.complaints import guess
from uphill.config.generated import Generation
from uphill.datasets.pools import Pools
from uphill.grading.grade import needs_answer, reads_texts
from uphill.prompts.asks import ANSWERS
from uphill.weak_to_strong.interface import TextLabels

if TYPE_CHECKING:
    from uphill.config.study import Config


def check_generated(config: "Config") -> None:
    """Generations, clusters and labels of texts that can be made.

    Raises:
        ValueError: one cannot: key, value and what was expected.
    """
    for where, name, known in _references(config):
        if name not in known:
            raise ValueError(
                f"{where} is {name!r}, expected one of {', '.join(sorted(known)) or 'none, as there is no such entry'}"
                f"{guess(name, known)}"
            )
    for name in config.clusters:
        if name in config.generations:
            raise ValueError(f"clusters.{name}: the name is that of a generation, expected another: both fill slots")
    _no_cycle(config)
    for name, entry in config.generations.items():
        _generation(config, f"generations.{name}", name, entry)
    for name in config.clusters:
        _clusters(config, f"clusters.{name}", name)
    for name, own in generated.text_labels(config).items():
        _labels(config, f"labels.{name}", own)


def _references(config: "Config") -> Iterator[tuple[str, str, set[str]]]:
    models, generations, clusters = set(config.models), set(config.generations), set(config.clusters)
    for name, entry in config.generations.items():
        where = f"generations.{name}"
        yield f"{where}.model", entry.model, models
        yield f"{where}.ask", entry.ask, set(generated.asks(config))
        if entry.dataset is not None:
            yield f"{where}.dataset", entry.dataset, set(config.datasets)
        yield from ((f"{where}.beside.{slot}", one, generations | clusters) for slot, one in entry.beside.items())
    for name, own in config.clusters.items():
        yield f"clusters.{name}.generation", own.generation, generations
        if own.model is not None:
            yield f"clusters.{name}.model", own.model, models
    for name, labels in generated.text_labels(config).items():
        for field in ("generation", "rewrites"):
            if hasattr(labels, field):
                yield f"labels.{name}.{field}", getattr(labels, field), generations
        if labels.sorted_by is not None:
            yield f"labels.{name}.clusters", labels.sorted_by, clusters


def _no_cycle(config: "Config") -> None:
    """Nothing is made from itself, through whatever steps."""
    graph = {f"generations.{name}": _made_from(config, entry) for name, entry in config.generations.items()}
    graph |= {f"clusters.{name}": [f"generations.{entry.generation}"] for name, entry in config.clusters.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # It names each before what is made from it.
        round_trip = " from ".join(reversed(error.args[1]))
        raise ValueError(f"{error.args[1][0]} is made from itself: {round_trip}; expected no such circle") from None


def _made_from(config: "Config", entry: Generation) -> list[str]:
    found = [generated.shown(config, name) for name in entry.beside.values()]
    return [f"{one.kind}.{one.name}" for one in found]


def _generation(config: "Config", where: str, name: str, entry: Generation) -> None:
    _items(config, where, entry)
    ask = generated.ask_of(config, name)
    for slot in ask.beside:
        if slot not in entry.beside:
            raise ValueError(
                f"{where}.beside has nothing for the slot {{{slot}}} of ask {entry.ask!r}, expected a name"
            )
    for slot in entry.beside:
        if slot not in ask.beside:
            raise ValueError(
                f"{where}.beside.{slot}: ask {entry.ask!r} has no such slot, expected "
                f"{', '.join(ask.beside) or 'nothing beside it'}"
            )
    if entry.n > 1 and not entry.temperature:
        raise ValueError(
            f"{where}.n is {entry.n} at temperature 0, which gives one text; expected n 1, or a temperature"
        )
    _beside(config, where, name)
    dataset = generated.dataset_of(config, name)
    if entry.grader is not None and not ask.graded:
        raise ValueError(f"{where}.grader: ask {entry.ask!r} is not graded, expected no grader")
    if entry.grader is not None and not reads_texts(entry.grader["kind"]):
        raise ValueError(f"{where}.grader.kind is {entry.grader['kind']!r}, expected a grader of texts")
    found = generated.grader(config, name)
    if found is not None and needs_answer(found[0]) and not config.answered(dataset):
        raise ValueError(
            f"{where}: the grader {found[0]!r} compares with right answers, which dataset {dataset!r} has not (answer: "
            "null); expected an ask that is not graded"
        )


def _items(config: "Config", where: str, entry: Generation) -> None:
    """What is asked is a pool that has items, or what is shown beside it."""
    if entry.beside:
        for key in ("dataset", "pool", "half"):
            if getattr(entry, key) is not None:
                raise ValueError(
                    f"{where}.{key} is {getattr(entry, key)!r}, expected none: its items are those of what is beside it"
                )
        return
    if entry.dataset is None or entry.pool is None:
        raise ValueError(f"{where}.{'dataset' if entry.dataset is None else 'pool'} is missing, expected one")
    if entry.pool != "experiment" and not _has(config.datasets[entry.dataset].pools, entry.pool):
        raise ValueError(
            f"{where}.pool is {entry.pool!r}, which is empty: datasets.{entry.dataset}.pools.{entry.pool} sets nothing "
            "aside"
        )


def _has(pools: Pools, pool: str) -> bool:
    return bool(getattr(pools, pool))


def _beside(config: "Config", where: str, name: str) -> None:
    found = generated.beside(config, name)
    for slot, one in found.items():
        if slot != ANSWERS and one.kind == "generations" and config.generations[one.name].n > 1:
            raise ValueError(
                f"{where}.beside.{slot} is {one.name!r}, which has {config.generations[one.name].n} texts for each "
                "item, expected a generation of one, or clusters"
            )
    datasets = {slot: generated.dataset_of(config, one.name) for slot, one in found.items()}
    if len(set(datasets.values())) > 1:
        told = ", ".join(f"{slot} of {dataset!r}" for slot, dataset in datasets.items())
        raise ValueError(f"{where}.beside: texts are of several datasets ({told}), expected one")


def _clusters(config: "Config", where: str, name: str) -> None:
    entry = config.clusters[name]
    of = config.generations[entry.generation]
    if of.n == 1:
        raise ValueError(f"{where}.generation is {entry.generation!r}, of one text an item; expected n of 2 or more")
    for key in ("model", "above"):
        if entry.same == "embedding" and getattr(entry, key) is None:
            raise ValueError(f"{where}.{key} is missing, expected one beside same: embedding")
    for key in ("model", "above", "instruction"):
        if entry.same == "answer" and getattr(entry, key) is not None:
            raise ValueError(f"{where}.{key} is {getattr(entry, key)!r}, expected none beside same: answer")
    if entry.model is not None and (config.models[entry.model].gguf or config.models[entry.model].trained):
        raise ValueError(
            f"{where}.model is {entry.model!r}, which is made here; expected an embedder with all its parts, by path "
            "or hub_id"
        )
    if entry.same == "answer" and not generated.ask_of(config, entry.generation).graded:
        raise ValueError(
            f"{where}.generation is {entry.generation!r}, whose ask is not graded, so that no answers are read; "
            "expected another, or same: embedding"
        )


def _labels(config: "Config", where: str, own: TextLabels) -> None:
    texts, entry = own.texts, config.generations[own.texts]
    if own.sorted_by is not None and own.sorted_by not in generated.roots(config, texts):
        # Else each item would be taught another teacher's doubts.
        raise ValueError(
            f"{where}.rewrites is {texts!r}, which is not made from clusters {own.sorted_by!r}; expected texts that are"
        )
    for key in ("generation", "rewrites"):
        if getattr(own, key, None) is not None and not generated.ask_of(config, texts).graded:
            raise ValueError(
                f"{where}.{key} is {texts!r}, whose ask {entry.ask!r} answers no question, expected one that does"
            )
    if own.one_text and entry.n > 1:
        raise ValueError(f"{where}: generation {texts!r} has {entry.n} texts for each item, expected one of each")
