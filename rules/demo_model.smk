"""The demo models' recipe. No other rule depends on it: the models that it makes ship under resources/.

Needs: nothing but the library.
Makes: results/demo_model/{size}/; `make demo-model` puts the full one in the place of resources/demo-model/, and `make
demo-model-small` the small one in that of resources/demo-model-small/.
"""


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
        size="full|small",
    conda:
        CONDA
    threads: 8
    resources:
        gpu=0,
        mem_mb=8000,
        runtime=2880,
    message:
        "Training the demo model ({wildcards.size}): minutes on a GPU; without, more than a day, or less than an hour for small"
    script:
        "../workflow/scripts/demo_model.py"
