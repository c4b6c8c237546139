"""How hard each item is.

Needs: item tables; for measures by models, the hardness models' zero-shot responses or the models themselves.
Makes: results/hardness/measures/{dataset}/{measure}.parquet or, by a model, {measure}/{model}.parquet, and
results/hardness/{dataset}.parquet, a row an (item, variable) with its value, the mean over models, and level.
"""


rule measure:
    input:
        questions=paths.items_path("{dataset}"),
    output:
        paths.measure_path("{dataset}", "{measure}"),
    log:
        "results/logs/hardness/{dataset}/{measure}.log",
    benchmark:
        "results/benchmarks/hardness/{dataset}/{measure}.tsv"
    wildcard_constraints:
        measure=one_of(PLAN.measures_needing(None)),
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


rule measure_from_responses:
    input:
        questions=paths.items_path("{dataset}"),
        responses=PLAN.shard_paths("{model}", "{dataset}"),
    output:
        paths.measure_path("{dataset}", "{measure}", "{model}"),
    log:
        "results/logs/hardness/{dataset}/{measure}/{model}.log",
    benchmark:
        "results/benchmarks/hardness/{dataset}/{measure}/{model}.tsv"
    wildcard_constraints:
        measure=one_of(PLAN.measures_needing(paths.READS_RESPONSES)),
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=measure_by_model_spec,
    message:
        "Hardness of {wildcards.dataset}: {wildcards.measure} by {wildcards.model}"
    script:
        "../workflow/scripts/measure_from_responses.py"


rule measure_on_model:
    input:
        questions=paths.items_path("{dataset}"),
    output:
        update(paths.measure_path("{dataset}", "{measure}", "{model}")),
    log:
        "results/logs/hardness/{dataset}/{measure}/{model}.log",
    benchmark:
        "results/benchmarks/hardness/{dataset}/{measure}/{model}.tsv"
    wildcard_constraints:
        measure=one_of(PLAN.measures_needing(paths.RUNS_MODEL)),
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
        spec=measure_by_model_spec,
    message:
        "Hardness of {wildcards.dataset}: {wildcards.measure} on {wildcards.model}"
    script:
        "../workflow/scripts/measure_on_model.py"


rule hardness:
    input:
        questions=paths.items_path("{dataset}"),
        measures=lambda wildcards: PLAN.measure_paths(wildcards.dataset),
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
