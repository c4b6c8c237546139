"""Generations and clusters of a config: their entries, and what each is made from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from uphill import registry
from uphill.config import labelled
from uphill.experiments.arms import Entry
from uphill.grading.grade import OF_TEXTS, grader_of, reads_texts
from uphill.prompts.asks import Ask, Slot, shipped_asks
from uphill.weak_to_strong.certainty import Certain
from uphill.weak_to_strong.interface import LabelSettings, TextLabels

if TYPE_CHECKING:
    from uphill.config.study import Config

Kind = Literal["generations", "clusters"]


class Generation(Entry):
    """Texts that a model writes: of the items of a pool, or of those that other texts are shown for."""

    dataset: str | None = Field(None, description="The dataset whose items are asked, with a")
    pool: Literal["hardness", "supervisor", "experiment", "test"] | None = Field(
        None, description="pool of it; neither with `beside`, which says by itself what is asked."
    )
    half: Literal["first", "second"] | None = Field(
        None, description="One of two halves of the pool, cut by a key of each item: no item is in both."
    )
    model: str = Field(description="Who writes: a name from `models`.")
    ask: str = Field(description="What is asked: a name from `asks`, or one that is shipped.")
    beside: dict[Slot, str] = Field(
        {},
        description="By slot of the ask, the generation or the clusters whose text is shown there. Asked are the items "
        "that all of these hold; of clusters, those that are not certain. One text of clusters is the leader of the "
        "largest; `answers` lists all leaders.",
    )
    temperature: float = Field(0.0, ge=0, le=100, description="0 takes the likeliest token.")
    top_p: float = Field(1.0, gt=0, le=1, description="Share of the likeliest tokens that can be drawn.")
    n: int = Field(1, ge=1, le=10_000, description="Texts for each item; more than one are drawn.")
    seed: int = Field(
        0,
        ge=0,
        le=2**32 - 1,
        description="Part of each draw's key, with the study's seed, the item and the text's number. Generations that "
        "differ in nothing else are the same texts.",
    )
    max_new_tokens: int | None = Field(
        None, ge=1, le=32_768, description="Longest text, in tokens; the dataset's unless given."
    )
    most_answers: int = Field(
        20, ge=1, le=10_000, description="Texts that a list of `answers` shows; it counts the rest."
    )
    answer_characters: int = Field(2_000, ge=1, le=1_000_000, description="Characters of each of them that are shown.")
    shards: int = Field(1, ge=1, le=1000, description="Jobs that share the items, and files.")
    grader: dict[str, Any] | None = Field(
        None, description="How its texts are graded, where not as the dataset's: `kind` and settings."
    )


class Clusters(Entry):
    """Which texts of an item say the same, by greedy leaders (Alice, Wu et al. 2025)."""

    generation: str = Field(description="Whose texts: a name from `generations`, of several for an item.")
    same: Literal["answer", "embedding"] = Field(
        description="Texts say the same that were read as the same answer, or whose embeddings are alike."
    )
    model: str | None = Field(
        None, description="Of embeddings: a name from `models`, by path or hub_id, read by sentence-transformers."
    )
    instruction: str | None = Field(
        None, description="Of embeddings: what stands before each text; {question} is the item's question."
    )
    above: float | None = Field(
        None, ge=-1, lt=1, description="Of embeddings: alike above this cosine (published: 0.9)."
    )
    certain: Certain = Field(
        Certain.model_construct(clusters=1), description="When an item is certain.", validate_default=True
    )


@dataclass(frozen=True)
class Shown:
    """What fills a slot: an entry of generations or of clusters."""

    kind: Kind
    name: str


def asks(config: "Config") -> Mapping[str, Ask]:
    """Every ask by name: those that are shipped, and the study's own in addition or in their place."""
    return {**shipped_asks(), **config.asks}


def shown(config: "Config", name: str) -> Shown:
    """The entry of a name, which both kinds share.

    Raises:
        KeyError: there is none.
    """
    if name in config.generations:
        return Shown("generations", name)
    if name in config.clusters:
        return Shown("clusters", name)
    raise KeyError(name)


def beside(config: "Config", generation: str) -> dict[str, Shown]:
    """What fills each slot of a generation."""
    return {slot: shown(config, name) for slot, name in config.generations[generation].beside.items()}


def dataset_of(config: "Config", name: str) -> str:
    """The dataset whose items a generation or clusters are of; of what is shown beside an ask, if it names none."""
    found = shown(config, name)
    if found.kind == "clusters":
        return dataset_of(config, config.clusters[name].generation)
    entry = config.generations[name]
    return entry.dataset or dataset_of(config, next(iter(entry.beside.values())))


@dataclass(frozen=True)
class Items:
    """Items of a dataset: a pool, or a half of it.

    Attributes:
        half: None for both.
    """

    dataset: str
    pool: str
    half: str | None = None

    def meets(self, other: "Items") -> bool:
        """Whether some item may be in both."""
        apart = self.half is not None and other.half is not None and self.half != other.half
        return (self.dataset, self.pool) == (other.dataset, other.pool) and not apart


def items_of(config: "Config", name: str) -> Items:
    """The items that a generation or clusters are of, or more: some of them may have been left out on the way."""
    found = shown(config, name)
    if found.kind == "clusters":
        return items_of(config, config.clusters[name].generation)
    entry = config.generations[name]
    if entry.dataset is None or entry.pool is None:
        return items_of(config, next(iter(entry.beside.values())))
    return Items(entry.dataset, entry.pool, entry.half)


def labelled_items(config: "Config", labels: str) -> Items:
    """The items that labels are of, or more."""
    own = labelled.settings_of(config, labels)
    if isinstance(own, TextLabels):
        return items_of(config, own.texts)
    assert isinstance(own, LabelSettings), "there are two kinds"
    return Items(own.dataset, own.of_pool)


def roots(config: "Config", name: str) -> Iterator[str]:
    """Every generation and cluster that one is made from, itself first."""
    yield name
    found = shown(config, name)
    own = [config.clusters[name].generation] if found.kind == "clusters" else config.generations[name].beside.values()
    for one in own:
        yield from roots(config, one)


def max_new_tokens(config: "Config", generation: str) -> int:
    """The longest text of a generation, in tokens."""
    return (
        config.generations[generation].max_new_tokens or config.datasets[dataset_of(config, generation)].max_new_tokens
    )


def ask_of(config: "Config", generation: str) -> Ask:
    """What a generation asks."""
    return asks(config)[config.generations[generation].ask]


def grader(config: "Config", generation: str) -> tuple[str, BaseModel] | None:
    """The module of uphill/grading that grades a generation, and its settings; None where it answers no question."""
    if not ask_of(config, generation).graded:
        return None
    own = config.generations[generation].grader or config.datasets[dataset_of(config, generation)].grader
    entry = own if own is not None and reads_texts(own["kind"]) else {"kind": OF_TEXTS}
    settings = {key: value for key, value in entry.items() if key != "kind"}
    return entry["kind"], registry.settings_of(grader_of(entry["kind"]), settings)


def text_labels(config: "Config") -> dict[str, TextLabels]:
    """Labels that are texts of a generation, by name: made for whoever is trained on them."""
    found = {name: labelled.settings_of(config, name) for name in labelled.entries(config)}
    return {name: own for name, own in found.items() if isinstance(own, TextLabels)}
