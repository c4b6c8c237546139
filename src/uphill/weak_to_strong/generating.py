"""The job that has a model write texts: one shard of a generation, in parts of 64 items that outlive a kill.

A text depends on its prompt and on draws whose key is the study's seed, the generation's, the item and the text's
number: not on the shard, on the order or on what is written beside it. On a CPU in float32 a job that was killed and
goes on ends with the same bytes; elsewhere with the same texts up to the rounding of a batch.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from uphill.engine.generation import generate
from uphill.engine.loading import Loaded
from uphill.engine.sampling import GREEDY, Sampling
from uphill.engine.tokens import encode_prompts
from uphill.prompts.asks import ANSWERS, Ask, asked_in, listed, put
from uphill.prompts.templates import Question
from uphill.running import cache
from uphill.running.job import Running
from uphill.running.noting import note
from uphill.running.parts import Parts
from uphill.schemas.files import write_arrow
from uphill.schemas.generations import GENERATIONS
from uphill.schemas.items import ITEMS
from uphill.weak_to_strong.beside import Asked, Texts, asked

log = logging.getLogger(__name__)
ITEMS_OF_A_PART = 64


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
    items = job.read("questions", ITEMS).set_index("item_id")
    shard = asked(job, items)
    with job.parts(GENERATIONS) as parts:
        starts = range(0, len(shard.ids), ITEMS_OF_A_PART)
        made = [_part(job, parts, items, shard, start, open_model) for start in starts]
        # Columns of one piece, whichever attempt made them.
        table = pa.concat_tables([GENERATIONS.schema.empty_table(), *made]).combine_chunks()
        write_arrow(table, job.output[0], GENERATIONS, job.made_by)
        cache.store(job)


def _part(
    job: Running, parts: Parts, items: pd.DataFrame, shard: Asked, start: int, open_model: Callable[[], Loaded]
) -> pa.Table:
    """The texts of some items, in order: finished by an earlier attempt, or written now."""
    name, ids = f"items-{start}", shard.ids[start : start + ITEMS_OF_A_PART]
    table = parts.get(name)
    if table is None:
        whole = f"items {start + 1} to {start + len(ids)} of {len(shard.ids)}"
        prompts = _prompts(job.settings, items.loc[ids], shard.beside)
        table = written(open_model(), prompts, job.settings, whole)
        parts.put(name, table)
    return table


def written(loaded: Loaded, prompts: Mapping[str, str], settings: Mapping[str, Any], desc: str) -> pa.Table:
    """What a model writes, rows of the generations contract, by item and number.

    Args:
        loaded: the model.
        prompts: by item.
        settings: of the job: `form`, `ask`, `sampling`, `seed`, `max_new_tokens`.
        desc: label of the progress bar.
    """
    ask, texts, ids = Ask.model_validate(settings["ask"]), list(prompts.values()), list(prompts)
    own = settings["sampling"]
    # Every field is set here: none is a model's or a library's own.
    drawn = Sampling(own["temperature"], own["top_p"], own["n"], ("samples", *settings["seed"]))
    answers = generate(
        loaded,
        texts,
        settings["max_new_tokens"],
        loaded.batch,
        desc,
        rule=asked_in(settings["form"], ask).answer_end,
        sampling=drawn if drawn.temperature else GREEDY,
        item_ids=ids,
    )
    lengths = [len(head) for head in encode_prompts(loaded, texts)]
    places = [(place, sample) for place in range(len(ids)) for sample in range(own["n"])]
    rows = [
        (ids[place], sample, answer.text, answer.n_tokens, lengths[place], answer.ended)
        for (place, sample), answer in zip(places, answers, strict=True)
    ]
    columns = zip(*rows, strict=True)
    return pa.table([list(column) for column in columns], schema=GENERATIONS.schema)


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
        note(f"{settings['dataset']}: some prompts do not show all answers that they list, or not the whole of them")
    return found
