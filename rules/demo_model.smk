"""The demo model's recipe. No other rule depends on it: the model that it makes ships under resources/.

Needs: nothing but the library.
Makes: results/demo_model/, which `make demo-model` puts in the place of resources/demo-model/.
"""


rule demo_model:
    output:
        expand(
            f"{RESULTS}/demo_model/{{name}}",
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
        paths.log_path("demo_model"),
    benchmark:
        paths.benchmark_path("demo_model")
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
