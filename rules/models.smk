"""Models that are made here: converted, on no GPU, or trained, on those of the model.

Needs: the GGUF file that a model's entry names; or questions=results/items/{dataset}.parquet, labels=results/labels/
{labels}.parquet, and the files of a base that is made here itself.
Makes: results/models/{model}/, a folder of config, weights and tokenizer, which jobs load as any local model; or of an
adapter, which they merge into its base; and of a training training.json, which says what it did.
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


rule train_adapter:
    input:
        inputs("train_adapter"),
    output:
        model=paths.adapter_paths("{model}"),
        training=paths.training_path("{model}"),
    log:
        paths.log_path("models/{model}"),
    benchmark:
        paths.benchmark_path("models/{model}")
    wildcard_constraints:
        model=values("model", "train_adapter"),
    priority: 5
    conda:
        CONDA
    threads: model_threads
    resources:
        gpu=on_model("gpu"),
        gpu_percent=on_model("gpu_percent"),
        gpu_model=on_model("gpu_model"),
        mem_mb=on_model("mem_mb"),
        runtime=on_model("runtime"),
        pack_tokens=on_model("pack_tokens"),
        batch=on_model("batch"),
    params:
        spec=spec("train_adapter"),
    message:
        "Training the adapter {wildcards.model}"
    script:
        "../workflow/scripts/train_adapter.py"


rule train_full:
    input:
        inputs("train_full"),
    output:
        model=paths.model_paths("{model}"),
        training=paths.training_path("{model}"),
    log:
        paths.log_path("models/{model}"),
    benchmark:
        paths.benchmark_path("models/{model}")
    wildcard_constraints:
        model=values("model", "train_full"),
    priority: 5
    conda:
        CONDA
    threads: model_threads
    resources:
        gpu=on_model("gpu"),
        gpu_percent=on_model("gpu_percent"),
        gpu_model=on_model("gpu_model"),
        mem_mb=on_model("mem_mb"),
        runtime=on_model("runtime"),
        pack_tokens=on_model("pack_tokens"),
        batch=on_model("batch"),
    params:
        spec=spec("train_full"),
    message:
        "Training all weights of {wildcards.model}"
    script:
        "../workflow/scripts/train_full.py"
