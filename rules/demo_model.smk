"""The demo model's recipe. No other rule depends on it: the model that it makes ships under resources/.

Needs: nothing but the library.
Makes: results/demo_model/, which `make demo-model` puts in the place of resources/demo-model/.
"""


rule demo_model:
    output:
        expand(
            "results/demo_model/{name}",
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
        "results/logs/demo_model.log",
    benchmark:
        "results/benchmarks/demo_model.tsv"
    conda:
        CONDA
    threads: 8
    resources:
        gpu=0,
        mem_mb=8000,
        runtime=2880,
    message:
        "Training the demo model: minutes on a GPU, more than a day without"
    script:
        "../workflow/scripts/demo_model.py"
