"""Generations: a job a shard, and their grades."""

from collections.abc import Iterator

from uphill.config import generated
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import generation_path, text_grades_path, writing_path
from uphill.workflow.stages.items import items
from uphill.workflow.stages.models import keys_of, model_identity, weights
from uphill.workflow.study import Study


def jobs(study: Study) -> Iterator[Job]:
    """Those of every entry, whatever reads them: shards, then the grades of what answers a question."""
    for name in study.config.generations:
        yield from shards(study, name)
        if (graded := grades(study, name)) is not None:
            yield graded


@once
def shards(study: Study, name: str) -> list[Job]:
    """The jobs of a generation."""
    return [_shard(study, name, number) for number in range(study.config.generations[name].shards)]


def _shard(study: Study, name: str, number: int) -> Job:
    config, entry = study.config, study.config.generations[name]
    dataset, beside = generated.dataset_of(config, name), generated.beside(config, name)
    template = config.datasets[dataset].cot_prompt or config.datasets[dataset].prompt

    def decide() -> Settings:
        return {
            "model": model_identity(study, entry.model),
            "dataset": dataset,
            "pool": entry.pool,
            "half": entry.half,
            "form": config.form(template, entry.model),
            "ask": plain(generated.ask_of(config, name)),
            "beside": {slot: one.kind for slot, one in beside.items()},
            "sampling": {"temperature": entry.temperature, "top_p": entry.top_p, "n": entry.n},
            "max_new_tokens": generated.max_new_tokens(config, name),
            "most_answers": entry.most_answers,
            "answer_characters": entry.answer_characters,
            "seed": [config.seed, entry.seed],
            "shard": number,
            "shards": entry.shards,
        }

    where = f"generations.{name}"
    return Job(
        rule="generate",
        wildcards={"generation": name, "shard": str(number)},
        title=f"Texts of generation {name}, shard {number + 1} of {entry.shards}",
        named=where,
        record=f"generations/{name}/shard-{number}",
        outputs={"texts": [generation_path(name, str(number))], "writing": [writing_path(name, str(number))]},
        decide=decide,
        reads={
            "questions": [items(study, dataset)],
            **{slot: shown(study, one.name) for slot, one in beside.items()},
            **weights(study, entry.model),
        },
        model=entry.model,
        from_config={
            **keys_of(entry.model),
            "ask": f"asks.{entry.ask}",
            "form": f"datasets.{dataset}",
            "seed": "seed",
            "sampling": where,
            "": where,
        },
    )


def shown(study: Study, name: str) -> list[Job]:
    """The jobs that make what fills a slot."""
    from uphill.workflow.stages.clusters import clusters  # which imports this module

    return shards(study, name) if name in study.config.generations else [clusters(study, name)]


@once
def grades(study: Study, name: str) -> Job | None:
    """The grades of a generation; none of one that answers no question."""
    found, dataset = generated.grader(study.config, name), generated.dataset_of(study.config, name)
    if found is None:
        return None
    kind, own = found
    return Job(
        rule="grade_generation",
        wildcards={"generation": name},
        title=f"Grades of generation {name}",
        named=f"the grades of generations.{name}",
        record=f"generations/{name}/grades",
        outputs={"grades": [text_grades_path(name)]},
        decide=lambda: {"grader": kind, "settings": plain(own), "dataset": dataset},
        reads={"texts": shards(study, name), "questions": [items(study, dataset)]},
        code=[f"uphill.grading.{kind}"],
        from_config={"": f"datasets.{dataset}.grader"},
    )
