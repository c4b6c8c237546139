"""The job that trains a model of the config on labels: an adapter's files, or a folder of whole weights."""

from uphill.config.generated import labelled_items
from uphill.config.trained import recipe_of
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import adapter_paths, model_paths, training_path
from uphill.workflow.stages.items import items
from uphill.workflow.study import Study

ADAPTER, FULL = "train_adapter", "train_full"


@once
def training(study: Study, model: str) -> Job:
    """The training of a model, whose base, labels and recipe its entry names."""
    from uphill.workflow.stages.labels import label  # which imports, by way of predictions, those of models
    from uphill.workflow.stages.models import keys_of, loaded_as, weights

    config, entry = study.config, study.config.models[model].trained
    assert entry is not None, "it is trained here"
    recipe, dataset = recipe_of(config, model), labelled_items(config, entry.labels).dataset
    whole, used = recipe.adapter is None, "cot_prompt" if recipe.cot else "prompt"
    forms = config.forms(dataset, model)

    def decide() -> Settings:
        return {
            # The base, in the numbers and the chat that the trained model will be asked in.
            "model": loaded_as(study, model, weights_of=entry.base),
            "recipe": plain(recipe),
            "labels": entry.labels,
            "dataset": dataset,
            # The form that is used alone: nobody is trained again for the other.
            "put": {"prompt": forms[used], "cot_prompt": forms[used] if recipe.cot else None},
            "seed": [config.seed, entry.seed],
        }

    return Job(
        rule=FULL if whole else ADAPTER,
        wildcards={"model": model},
        title=f"Training all weights of {model}" if whole else f"Training the adapter {model}",
        named=f"models.{model}",
        record=f"models/{model}",
        outputs={"model": model_paths(model) if whole else adapter_paths(model), "training": [training_path(model)]},
        decide=decide,
        reads={
            "questions": [items(study, dataset)],
            "labels": [label(study, entry.labels)],
            **weights(study, entry.base),
        },
        model=model,
        from_config={
            **keys_of(model),
            "recipe": f"recipes.{entry.recipe}",
            "put": f"datasets.{dataset}",
            "seed": f"models.{model}.trained.seed",
            "": f"models.{model}.trained",
        },
    )
