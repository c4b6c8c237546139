"""Models that are made here. No GPU.

Needs: the GGUF file that a model's entry names.
Makes: results/models/{model}/, a folder of config, weights and tokenizer, which jobs load as any local model.
"""


rule model_from_gguf:
    input:
        inputs("model_from_gguf"),
    output:
        paths.model_paths("{model}"),
    log:
        paths.log_path("models/{model}"),
    benchmark:
        paths.benchmark_path("models/{model}")
    wildcard_constraints:
        model=values("model", "model_from_gguf"),
    conda:
        CONDA
    resources:
        mem_mb=on_model("mem_mb"),
        runtime=on_model("runtime"),
    params:
        spec=spec("model_from_gguf"),
    message:
        "Converting the GGUF file of {wildcards.model}"
    script:
        "../workflow/scripts/model_from_gguf.py"
