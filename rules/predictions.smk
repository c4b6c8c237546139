"""Training and testing: one job a (method, model, dataset), all its variables, train levels and boots on one model load.

Needs: items and splits of the tested dataset and of those trained on; responses, or the model itself.
Makes: results/predictions/{method}/{model}/{dataset}.parquet, a row a (variable, cell, test item). The file that is there
is brought up to date: what its config and code have not changed for, by variable, is not made again.
"""


rule predictions_from_responses:
    input:
        questions=involved_items,
        splits=involved_splits,
        responses=lambda wildcards: [
            shard
            for dataset in involved(wildcards)
            for shard in PLAN.shard_paths(wildcards.model, dataset)
        ],
    output:
        update(paths.predictions_path("{method}", "{model}", "{dataset}")),
    log:
        "results/logs/predictions/{method}/{model}/{dataset}.log",
    benchmark:
        "results/benchmarks/predictions/{method}/{model}/{dataset}.tsv"
    wildcard_constraints:
        method=one_of(PLAN.methods(runs_model=False)),
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=predictions_spec,
    message:
        "{wildcards.method} with {wildcards.model} on {wildcards.dataset}"
    script:
        "../workflow/scripts/predictions_from_responses.py"


rule predictions_on_model:
    input:
        questions=involved_items,
        splits=involved_splits,
    output:
        update(paths.predictions_path("{method}", "{model}", "{dataset}")),
    log:
        "results/logs/predictions/{method}/{model}/{dataset}.log",
    benchmark:
        "results/benchmarks/predictions/{method}/{model}/{dataset}.tsv"
    wildcard_constraints:
        method=one_of(PLAN.methods(runs_model=True)),
    priority: 5
    conda:
        CONDA
    threads: model_threads
    resources:
        gpu=on_model("gpu"),
        gpu_model=on_model("gpu_model"),
        mem_mb=on_model("mem_mb"),
        runtime=on_model("runtime"),
        pack_tokens=on_model("pack_tokens"),
    params:
        spec=predictions_spec,
    message:
        "{wildcards.method} with {wildcards.model} on {wildcards.dataset}"
    script:
        "../workflow/scripts/predictions_on_model.py"
