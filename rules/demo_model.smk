"""The demo models' recipe. No other rule depends on it: the models that it makes ship under resources/.

Needs: nothing but the library.
Makes: results/demo_model/{size}/, a job a size; `make demo-model` makes all of them and puts them in the place of those
in resources/demo-models/.
"""

DEMO_SIZES = ["106k", "340k", "614k", "1280k"]


rule demo_models:
    input:
        expand(f"{RESULTS}/demo_model/{{size}}/model.safetensors", size=DEMO_SIZES),
    localrule: True


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
        size="|".join(DEMO_SIZES),
    conda:
        CONDA
    threads: 4
    resources:
        gpu=0,  # so that all sizes may share one
        mem_mb=8000,
        runtime=10080,
    message:
        "Training the demo model of {wildcards.size} parameters: minutes on a GPU; without, a day or more"
    script:
        "../workflow/scripts/demo_model.py"
