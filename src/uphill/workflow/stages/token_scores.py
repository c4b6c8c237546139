"""The one pass of a hardness model over items' texts on their own, where a measure reads the scores of their tokens."""

from collections.abc import Iterator

from uphill.registry import reads_texts
from uphill.workflow.jobs import Job, Settings, once
from uphill.workflow.paths import token_scores_path
from uphill.workflow.stages.items import items
from uphill.workflow.stages.models import keys_of, model_identity, weights
from uphill.workflow.study import Study


def jobs(study: Study) -> Iterator[Job]:
    """Those that a measure reads."""
    from uphill.workflow.stages import measures  # which imports this module

    yield from dict.fromkeys(job for reader in measures.jobs(study) for job in reader.reads.get("token_scores", ()))


@once
def token_scores(study: Study, model: str, dataset: str) -> Job:
    """Log-probabilities of the tokens of all texts that some measure reads."""
    texts = _texts(study, model, dataset)

    def decide() -> Settings:
        return {"model": model_identity(study, model), "texts": texts}

    return Job(
        rule="token_scores",
        wildcards={"model": model, "dataset": dataset},
        title=f"Token scores of the texts of {dataset} by {model}",
        named=f"token scores of datasets.{dataset} by models.{model}",
        record=f"token_scores/{model}/{dataset}",
        outputs={"token_scores": [token_scores_path(model, dataset)]},
        decide=decide,
        reads={"questions": [items(study, dataset)], **weights(study, model)},
        model=model,
        from_config={**keys_of(model), "texts": "measures"},
    )


def _texts(study: Study, model: str, dataset: str) -> list[str]:
    """Columns of texts, in one order; a dataset without right answers has no answer to read."""
    config = study.config
    found = {
        text
        for name in config.measures_of(dataset)
        if model in config.measuring(name, dataset)
        for text in reads_texts(config.measure_module(name))
    }
    return sorted(found - (set() if config.graded(dataset).answered else {"answer_text"}))
