"""The job that has a model write texts: one shard of a generation, in parts of 64 items that outlive a kill.

A text depends on its prompt and on draws whose key is the study's seed, the generation's, the item and the text's
number: not on the shard, on the order or on what is written beside it. On a CPU in float32 a job that was killed and
goes on ends with the same bytes; elsewhere with the same texts up to the rounding of a batch.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from uphill.engine.generation import as_finished
from uphill.engine.loading import Loaded
from uphill.engine.sampling import GREEDY, Sampling
from uphill.engine.tokens import encode_prompts
from uphill.prompts.asks import ANSWERS, Ask, asked_in, listed, put
from uphill.prompts.templates import Question
from uphill.running import cache
from uphill.running.job import Running
from uphill.running.noting import CUT, note
from uphill.running.parts import Parts
from uphill.schemas.files import write_arrow, write_json
from uphill.schemas.generations import GENERATIONS
from uphill.schemas.items import ITEMS
from uphill.weak_to_strong.beside import Asked, Texts, asked

log = logging.getLogger(__name__)
ITEMS_OF_A_PART = 64
TEXTS_AT_ONCE = 16384
"""Texts of the parts that are written in one go, a row for each in memory: their rows come and go without a break."""


def run_job(job: Running, open_model: Callable[[], Loaded]) -> None:
    """Make one shard, unless it is there or some checkout has made it.

    Args:
        job: the job.
        open_model: loads the model; not called where nothing is left to write.

    Raises:
        UphillError: an item cannot be asked, or what the job reads was made by another config or by older code.
    """
    if job.is_done or cache.fetch(job):
        return
    began = time.monotonic()
    items = job.read("questions", ITEMS).set_index("item_id")
    shard = asked(job, items)
    with job.parts(GENERATIONS) as parts:
        made = _made(job, parts, items, shard, open_model)
        # Columns of one piece, whichever attempt made them.
        table = pa.concat_tables([GENERATIONS.schema.empty_table(), *made]).combine_chunks()
        write_json(job.output.writing, {"seconds": round(time.monotonic() - began, 1)})
        write_arrow(table, job.output.texts, GENERATIONS, job.made_by)
        cache.store(job)


def _made(
    job: Running, parts: Parts, items: pd.DataFrame, shard: Asked, open_model: Callable[[], Loaded]
) -> list[pa.Table]:
    """The texts of each part, in order: of an earlier attempt, or written now and kept as soon as they are whole."""
    starts = range(0, len(shard.ids), ITEMS_OF_A_PART)
    ids = {f"items-{start}": shard.ids[start : start + ITEMS_OF_A_PART] for start in starts}
    found = {name: parts.get(name) for name in ids}
    left = [name for name in ids if found[name] is None]
    together = max(1, TEXTS_AT_ONCE // (ITEMS_OF_A_PART * job.settings["sampling"]["n"]))
    for first in range(0, len(left), together):
        chosen = left[first : first + together]
        prompts = [_prompts(job.settings, items.loc[ids[name]], shard.beside) for name in chosen]
        done = len(ids) - len(left) + first
        desc = f"parts {done + 1} to {done + len(chosen)} of {len(ids)}"
        for number, table in written(open_model(), prompts, job.settings, desc):
            found[chosen[number]] = table
            parts.put(chosen[number], table)
    return [table for table in found.values() if table is not None]


def written(
    loaded: Loaded, parts: Sequence[Mapping[str, str]], settings: Mapping[str, Any], desc: str
) -> Iterator[tuple[int, pa.Table]]:
    """What a model writes: each part's number and rows of the generations contract, as soon as it is whole.

    Args:
        loaded: the model.
        parts: prompts by item.
        settings: of the job: `form`, `ask`, `sampling`, `seed`, `max_new_tokens`.
        desc: label of the progress bar.
    """
    ask, own = Ask.model_validate(settings["ask"]), settings["sampling"]
    asked_for = [(number, item, text) for number, part in enumerate(parts) for item, text in part.items()]
    groups, ids, texts = ([*column] for column in zip(*asked_for, strict=True))
    # Every field is set here: none is a model's or a library's own.
    drawn = Sampling(own["temperature"], own["top_p"], own["n"], ("samples", *settings["seed"]))
    lengths = [len(head) for head in encode_prompts(loaded, texts)]
    rows: list[dict[tuple[int, int], tuple[Any, ...]]] = [{} for _ in parts]
    for place, sample, answer in as_finished(
        loaded,
        texts,
        settings["max_new_tokens"],
        loaded.batch,
        desc,
        rule=asked_in(settings["form"], ask).answer_end,
        sampling=drawn if drawn.temperature else GREEDY,
        item_ids=ids,
        groups=groups,
    ):
        part = rows[groups[place]]
        part[place, sample] = (ids[place], sample, answer.text, answer.n_tokens, lengths[place], answer.ended)
        if len(part) == len(parts[groups[place]]) * own["n"]:
            columns = zip(*(part[key] for key in sorted(part)), strict=True)
            yield groups[place], pa.table([list(column) for column in columns], schema=GENERATIONS.schema)
            part.clear()


def _prompts(settings: Mapping[str, Any], items: pd.DataFrame, beside: Mapping[str, Texts]) -> dict[str, str]:
    """The prompt of each item; of its answer nothing is in it, unless a text that is shown says it."""
    ask = Ask.model_validate(settings["ask"])
    format, found, shortened = asked_in(settings["form"], ask), {}, 0
    for item_id, row in items.iterrows():
        shown = {}
        for slot, texts in beside.items():
            own = texts[str(item_id)]
            if slot == ANSWERS:
                shown[slot], cut = listed(own, settings["most_answers"], settings["answer_characters"])
                shortened += bool(cut)
            else:
                shown[slot] = own[0]
        found[str(item_id)] = put(format, ask, Question(row["question"], list(row["choices"])), shown)
    if shortened:
        log.info("%d prompts do not show all of their answers", shortened)
        dataset = settings["dataset"]
        note(f"{CUT}{dataset}: some prompts do not show all answers that they list, or not the whole of them")
    return found
