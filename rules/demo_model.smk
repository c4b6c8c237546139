"""The demo models' recipe. No other rule depends on it: the models that it makes ship under resources/.

Needs: nothing but the library.
Makes: results/demo_model/{size}/; `make demo-model` puts `full` in the place of resources/demo-model/, and `make
demo-model-small` the small one in that of resources/demo-model-small/. `make demo-models` makes the family, four models
of one text, and puts them into resources/demo-models/: they do not ship yet, for they have not been trained.
"""

DEMO_FAMILY = ["106k", "340k", "614k", "1280k"]


rule demo_models:
    input:
        expand(f"{RESULTS}/demo_model/{{size}}/model.safetensors", size=DEMO_FAMILY),
    localrule: True
    message:
        "The family of demo models is made"


rule demo_model:
    output:
        expand(
            f"{RESULTS}/demo_model/{{{{size}}}}/{{name}}",
            name=[
                "config.json",
                "generation_config.json",
                "model.safetensors",
                "tokenizer.json",
                "tokenizer_config.json",
                "recipe.json",
                "README.md",
            ],
        ),
    log:
        paths.log_path("demo_model/{size}"),
    benchmark:
        paths.benchmark_path("demo_model/{size}")
    wildcard_constraints:
        size="|".join(["full", "small", *DEMO_FAMILY]),
    conda:
        CONDA
    threads: lambda wildcards: 4 if wildcards.size in DEMO_FAMILY else 8
    resources:
        gpu=0,  # so that the family may share one
        mem_mb=8000,
        runtime=10080,
    message:
        "Training the demo model ({wildcards.size}): minutes on a GPU; without, a day or more, or less than an hour for small"
    script:
        "../workflow/scripts/demo_model.py"
