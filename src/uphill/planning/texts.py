"""Tokens of generations, and of embeddings of their texts."""

from uphill.config import generated
from uphill.planning.lengths import Lengths, tokens
from uphill.planning.work import Asked, Work
from uphill.prompts.asks import ANSWERS, QUESTION, asked_in
from uphill.workflow.jobs import Job
from uphill.workflow.study import Study


def generation_work(study: Study, job: Job, sizes: dict[str, Lengths]) -> Work:
    """Tokens of a shard: each prompt is read once for all texts of its item, and texts are as long as gold solutions.

    What is asked beside other texts is asked of all items that these may be of: how many are uncertain is not known.
    """
    config, name = study.config, job.wildcards["generation"]
    entry, dataset = config.generations[name], generated.dataset_of(config, name)
    items = _items(study, name, sizes[dataset]) / entry.shards
    longest = min(generated.max_new_tokens(config, name), _text(study, name, sizes))
    return Work(read=items * _prompt(study, name, sizes), written=items * entry.n * longest)


def embedding_work(study: Study, job: Job, sizes: dict[str, Lengths]) -> Work:
    """Tokens of every text of a generation, each read once."""
    name = study.config.clusters[job.wildcards["clusters"]].generation
    dataset = generated.dataset_of(study.config, name)
    texts = _items(study, name, sizes[dataset]) * study.config.generations[name].n
    return Work(read=texts * _text(study, name, sizes))


def _items(study: Study, name: str, lengths: Lengths) -> float:
    """How many items a generation asks, at most."""
    config = study.config
    # Items are those of the generations that have a pool; of several, the fewest.
    pools = [config.generations[root] for root in generated.roots(config, name) if root in config.generations]
    return min(_of_pool(entry.pool, lengths) / (2 if entry.half else 1) for entry in pools if entry.pool)


def _of_pool(pool: str, lengths: Lengths) -> float:
    # Of those that hardness models and supervisors have, it is not known which are whose.
    return {"experiment": lengths.items, "test": lengths.tested}.get(pool, lengths.pool)


def _text(study: Study, name: str, sizes: dict[str, Lengths]) -> float:
    """Tokens of one text."""
    dataset = generated.dataset_of(study.config, name)
    return Asked.of(study.config, dataset, sizes[dataset]).solution[1]


def _prompt(study: Study, name: str, sizes: dict[str, Lengths]) -> float:
    """Tokens of one prompt."""
    config, entry, ask = study.config, study.config.generations[name], generated.ask_of(study.config, name)
    dataset = config.datasets[generated.dataset_of(config, name)]
    form = config.form(dataset.cot_prompt or dataset.prompt, entry.model)
    question = asked_in(form, ask).query(sizes[generated.dataset_of(config, name)].question_of)
    own = tokens(ask.filled({QUESTION: question, **dict.fromkeys(ask.beside, "")}))
    shown = 0.0
    for slot, one in generated.beside(config, name).items():
        source = config.clusters[one.name].generation if one.kind == "clusters" else one.name
        count = min(entry.most_answers, config.generations[source].n) if slot == ANSWERS else 1
        shown += count * min(_text(study, source, sizes), generated.max_new_tokens(config, source))
    return own + shown
