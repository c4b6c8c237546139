"""Which texts of an item say the same: greedy leaders, by answers or embeddings (Alice, Wu et al. 2025).

In the order of their numbers, the first text that is left leads: all that are left and say the same as it are its
cluster, and are gone. A leader whom nobody joins is no cluster; it is counted, as are texts that were cut off or in
which no answer was found, which are like nothing. So the outcome depends on the order, and the order is fixed.
"""

import importlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uphill.running.job import Running
from uphill.running.noting import LOST, note
from uphill.schemas.clusters import CLUSTERS, NO_CLUSTER
from uphill.schemas.files import read, read_arrow, write
from uphill.schemas.generations import GENERATIONS, TEXT_GRADES
from uphill.schemas.items import ITEMS
from uphill.weak_to_strong.certainty import Certain
from uphill.weak_to_strong.graded_texts import KEY, graded

EMBEDDING = "uphill.engine.embedding"
DIGITS = 6
"""Of a cosine that is held against the threshold: float32 has not more, and batches move what is behind them."""
Alike = Callable[[int, NDArray[np.int64]], NDArray[np.bool_]]
"""Which of some texts, by number, say the same as a leader."""
Embed = Callable[[Sequence[str], str], NDArray[np.float32]]
"""[N, D] vectors of length 1 of N texts of an item with some question."""


def run_job(job: Running) -> None:
    """Cluster a generation, a shard at a time.

    Raises:
        UphillError: a shard, its grades or the items were made by another config or by older code.
    """
    settings = job.settings
    grades, embed = None, None
    if settings["same"] == "answer":
        [path] = job.input.grades
        grades = read(path, TEXT_GRADES, job.upstream(path))
    else:
        # By name: clusters of answers are not made of the engine.
        embed = importlib.import_module(EMBEDDING).embedder(job, settings)
    questions = job.read("questions", ITEMS).set_index("item_id")["question"]
    found = [row for texts in _texts(job, grades) for row in clusters(texts, questions, embed, settings)]
    table = pd.DataFrame(found, columns=CLUSTERS.schema.names)
    dropped = int((table["cluster"] == NO_CLUSTER).sum())
    if dropped:
        items = table["item_id"].nunique()
        note(f"{LOST}clusters.{settings['clusters']}: {dropped} of {items} items have no cluster")
    write(table.sort_values(["item_id", "cluster"], ignore_index=True), job.output[0], CLUSTERS, job.made_by)


def _texts(job: Running, grades: pd.DataFrame | None) -> Iterator[pd.DataFrame]:
    """The texts of each shard, which holds all of each of its items, with the answers that were read off them."""
    for path in job.input.texts:
        texts = read_arrow(path, GENERATIONS, job.upstream(path)).to_pandas()
        yield texts.assign(parsed="") if grades is None else graded(texts, grades, ["parsed"])


def clusters(
    texts: pd.DataFrame, questions: "pd.Series", embed: Embed | None, settings: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Rows of the clusters contract.

    Args:
        texts: rows of the generations contract, all of each item, in any order, with `parsed`: what was read off them.
        questions: by item.
        embed: makes embeddings; None for clusters of equal answers.
        settings: `certain`, and of embeddings `above`.
    """
    certain = Certain.model_validate(settings["certain"])
    for item_id, own in texts.sort_values(KEY).groupby("item_id", sort=True):
        said, answers = own["text"].tolist(), own["parsed"].tolist()
        # What was cut off is no answer, and nor is nothing.
        told = answers if embed is None else said
        usable = [bool(ended) and bool(one) for ended, one in zip(own["ended"], told, strict=True)]
        if embed is None:
            alike = same_answer(answers)
        else:
            alike = near(_vectors(said, usable, questions[item_id], embed), settings["above"])
        yield from _rows(str(item_id), said, answers, leaders(usable, alike), sum(usable), certain)


def leaders(usable: Sequence[bool], alike: Alike) -> list[NDArray[np.int64]]:
    """The clusters of an item's texts, each the numbers of its texts, its leader first, in order of leaders.

    Args:
        usable: whether a text can be like another at all.
        alike: says which texts are like a leader.
    """
    left, found = np.flatnonzero(np.asarray(usable, dtype=bool)), []
    while len(left):
        same = alike(int(left[0]), left)
        same[0] = True  # whatever rounding says of a text and itself
        if same.sum() > 1:
            found.append(left[same])
        left = left[~same]
    return found


def same_answer(answers: Sequence[str]) -> Alike:
    """Texts say the same whose answers are the same to the letter, in the plain form of their grader."""
    told = np.array(answers, dtype=object)
    return lambda leader, left: np.asarray(told[left] == told[leader], dtype=bool)


def near(vectors: NDArray[np.float32], above: float) -> Alike:
    """Texts say the same whose cosine is above a threshold, not at it.

    Args:
        vectors: [N, D] of length 1.
        above: the threshold.
    """

    def alike(leader: int, left: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray(np.round(vectors[left] @ vectors[leader], DIGITS) > above, dtype=bool)

    return alike


def _vectors(texts: Sequence[str], usable: Sequence[bool], question: str, embed: Embed) -> NDArray[np.float32]:
    """[N, D] a vector a text, zeros for one that is like none; of texts that are the same, one is embedded."""
    distinct = list(dict.fromkeys(text for text, one in zip(texts, usable, strict=True) if one))
    if not distinct:
        return np.zeros((len(texts), 1), dtype=np.float32)
    place, found = {text: number for number, text in enumerate(distinct)}, embed(distinct, question)
    vectors = np.zeros((len(texts), found.shape[1]), dtype=np.float32)
    for number, (text, one) in enumerate(zip(texts, usable, strict=True)):
        if one:
            vectors[number] = found[place[text]]
    return vectors


def entropy(sizes: Sequence[int], singletons: int, unparsed: int) -> float:
    """Of an item's texts, nats: each cluster and each singleton is a class, and all that is unparsed is one."""
    counts = [count for count in (*sizes, *[1] * singletons, unparsed) if count]
    total = sum(counts)
    return math.fsum(-count / total * math.log(count / total) for count in counts) + 0.0


def _rows(
    item_id: str,
    texts: Sequence[str],
    answers: Sequence[str],
    found: Sequence[NDArray[np.int64]],
    usable: int,
    certain: Certain,
) -> Iterator[dict[str, Any]]:
    sizes = [len(members) for members in found]
    singletons, unparsed = usable - sum(sizes), len(texts) - usable
    of_item = {
        "item_id": item_id,
        "n_samples": len(texts),
        "n_singletons": singletons,
        "n_unparsed": unparsed,
        "entropy": entropy(sizes, singletons, unparsed),
        "certain": certain.holds(sizes, len(texts)),
    }
    if not found:
        yield {**of_item, "cluster": NO_CLUSTER, "size": 0, "text": "", "answer": ""}
    for number, members in enumerate(found):
        leader = int(members[0])
        yield {**of_item, "cluster": number, "size": len(members), "text": texts[leader], "answer": answers[leader]}
