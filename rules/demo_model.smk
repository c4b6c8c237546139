"""The demo models' recipe. No other rule depends on it: the models that it makes ship in resources/demo-models/.

Needs: nothing but the library.
Makes: results/demo_model/{size}/, four models of one text; `make demo-model` puts them into resources/demo-models/.
"""

DEMO_FAMILY = ["106k", "340k", "614k", "1280k"]


rule demo_models:
    input:
        expand(
            f"{paths.root()}/demo_model/{{size}}/model.safetensors", size=DEMO_FAMILY
        ),
    localrule: True
    message:
        "The family of demo models is made"


rule demo_model:
    output:
        expand(
            f"{paths.root()}/demo_model/{{{{size}}}}/{{name}}",
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
        size="|".join(DEMO_FAMILY),
    conda:
        CONDA
    threads: 4
    resources:
        gpu=0,  # so that the family may share one
        mem_mb=8000,
        runtime=10080,
    message:
        "Training the demo model of {wildcards.size} parameters: minutes on a GPU, days without"
    script:
        "../workflow/scripts/demo_model.py"
