"""How hard each item is.

Needs: item tables; for model-based measures, the hardness models' zero-shot responses.
Makes: results/hardness/measures/{dataset}/{measure}.parquet, one part a measure, and results/hardness/{dataset}.parquet,
a row an (item, variable) with its value and level.
"""


rule measure:
    input:
        questions=paths.items_path("{dataset}"),
        responses=lambda wildcards: [
            shard
            for model in PLAN.response_models(wildcards.measure)
            for shard in PLAN.shard_paths(model, wildcards.dataset)
        ],
    output:
        paths.measure_path("{dataset}", "{measure}"),
    log:
        "results/logs/hardness/{dataset}/{measure}.log",
    benchmark:
        "results/benchmarks/hardness/{dataset}/{measure}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=lambda wildcards: PLAN.measure_spec(wildcards.dataset, wildcards.measure),
    message:
        "Hardness of {wildcards.dataset}: {wildcards.measure}"
    script:
        "../workflow/scripts/measure.py"


rule hardness:
    input:
        questions=paths.items_path("{dataset}"),
        measures=lambda wildcards: [
            paths.measure_path(wildcards.dataset, measure)
            for measure in STUDY.measures(wildcards.dataset)
        ],
    output:
        paths.hardness_path("{dataset}"),
    log:
        "results/logs/hardness/{dataset}.log",
    benchmark:
        "results/benchmarks/hardness/{dataset}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=lambda wildcards: PLAN.hardness_spec(wildcards.dataset),
    message:
        "Hardness of {wildcards.dataset}, with levels"
    script:
        "../workflow/scripts/hardness.py"
