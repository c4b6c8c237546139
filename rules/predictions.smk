"""Training and testing: one job a (method, model, dataset), all its variables, train levels and boots on one model load.

Needs, of the tested dataset and of those trained on: questions=results/items/{dataset}.parquet, splits=results/splits/
{dataset}/{split}.parquet, and responses=results/responses/{model}/{dataset}/shard-*.parquet or the model itself.
What is trained on labels needs labels=results/labels/{labels}.parquet too.
Makes: results/predictions/{method}/{model}/{dataset}.parquet, or {dataset}@{labels}.parquet, a row a (variable, cell, test item). The file that is there
is brought up to date: what its config and code have not changed for, by variable, is not made again.
"""


rule predictions_from_responses:
    input:
        inputs("predictions_from_responses"),
    output:
        update(paths.predictions_path("{method}", "{model}", "{dataset}", "{taught}")),
    log:
        paths.log_path("predictions/{method}/{model}/{dataset}{taught}"),
    benchmark:
        paths.benchmark_path("predictions/{method}/{model}/{dataset}{taught}")
    wildcard_constraints:
        method=values("method", "predictions_from_responses"),
    conda:
        CONDA
    resources:
        mem_mb=to_hold("predictions_from_responses"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("predictions_from_responses"),
    message:
        "{wildcards.method} with {wildcards.model} on {wildcards.dataset}{wildcards.taught}"
    script:
        "../workflow/scripts/predictions_from_responses.py"


rule predictions_on_model:
    input:
        inputs("predictions_on_model"),
    output:
        update(paths.predictions_path("{method}", "{model}", "{dataset}", "{taught}")),
    log:
        paths.log_path("predictions/{method}/{model}/{dataset}{taught}"),
    benchmark:
        paths.benchmark_path("predictions/{method}/{model}/{dataset}{taught}")
    wildcard_constraints:
        method=values("method", "predictions_on_model"),
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
        spec=spec("predictions_on_model"),
    message:
        "{wildcards.method} with {wildcards.model} on {wildcards.dataset}{wildcards.taught}"
    script:
        "../workflow/scripts/predictions_on_model.py"
