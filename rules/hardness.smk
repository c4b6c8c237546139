"""How hard each item is.

Needs: questions=results/items/{dataset}.parquet; a measure by a model also responses=results/responses/{model}/{dataset}/
shard-*.parquet, token_scores=results/token_scores/{model}/{dataset}.parquet or the model itself, one by a panel matrix=results/matrices/{panel}.parquet; the table measures=results/hardness/measures/{dataset}/**.parquet, all of them.
Makes: results/hardness/measures/{dataset}/{measure}.parquet or, by a model, {measure}/{model}.parquet, and
results/hardness/{dataset}.parquet, a row an (item, variable) with its value, the mean over models, and level.
"""


rule measure:
    input:
        inputs("measure"),
    output:
        paths.measure_path("{dataset}", "{measure}"),
    log:
        paths.log_path("hardness/{dataset}/{measure}"),
    benchmark:
        paths.benchmark_path("hardness/{dataset}/{measure}")
    wildcard_constraints:
        measure=values("measure", "measure"),
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("measure"),
    message:
        "Hardness of {wildcards.dataset}: {wildcards.measure}"
    script:
        "../workflow/scripts/measure.py"


rule measure_from_matrix:
    input:
        inputs("measure_from_matrix"),
    output:
        paths.measure_path("{dataset}", "{measure}"),
    log:
        paths.log_path("hardness/{dataset}/{measure}"),
    benchmark:
        paths.benchmark_path("hardness/{dataset}/{measure}")
    wildcard_constraints:
        measure=values("measure", "measure_from_matrix"),
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("measure_from_matrix"),
    message:
        "Hardness of {wildcards.dataset}: {wildcards.measure}, by a panel"
    script:
        "../workflow/scripts/measure_from_matrix.py"


rule measure_from_responses:
    input:
        inputs("measure_from_responses"),
    output:
        paths.measure_path("{dataset}", "{measure}", "{model}"),
    log:
        paths.log_path("hardness/{dataset}/{measure}/{model}"),
    benchmark:
        paths.benchmark_path("hardness/{dataset}/{measure}/{model}")
    wildcard_constraints:
        measure=values("measure", "measure_from_responses"),
    conda:
        CONDA
    resources:
        mem_mb=to_hold("measure_from_responses"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("measure_from_responses"),
    message:
        "Hardness of {wildcards.dataset}: {wildcards.measure} by {wildcards.model}"
    script:
        "../workflow/scripts/measure_from_responses.py"


rule measure_from_token_scores:
    input:
        inputs("measure_from_token_scores"),
    output:
        paths.measure_path("{dataset}", "{measure}", "{model}"),
    log:
        paths.log_path("hardness/{dataset}/{measure}/{model}"),
    benchmark:
        paths.benchmark_path("hardness/{dataset}/{measure}/{model}")
    wildcard_constraints:
        measure=values("measure", "measure_from_token_scores"),
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("measure_from_token_scores"),
    message:
        "Hardness of {wildcards.dataset}: {wildcards.measure} by {wildcards.model}"
    script:
        "../workflow/scripts/measure_from_token_scores.py"


rule measure_on_model:
    input:
        inputs("measure_on_model"),
    output:
        update(paths.measure_path("{dataset}", "{measure}", "{model}")),
    log:
        paths.log_path("hardness/{dataset}/{measure}/{model}"),
    benchmark:
        paths.benchmark_path("hardness/{dataset}/{measure}/{model}")
    wildcard_constraints:
        measure=values("measure", "measure_on_model"),
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
    params:
        spec=spec("measure_on_model"),
    message:
        "Hardness of {wildcards.dataset}: {wildcards.measure} on {wildcards.model}"
    script:
        "../workflow/scripts/measure_on_model.py"


rule hardness:
    input:
        inputs("hardness"),
    output:
        paths.hardness_path("{dataset}"),
    log:
        paths.log_path("hardness/{dataset}"),
    benchmark:
        paths.benchmark_path("hardness/{dataset}")
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("hardness"),
    message:
        "Hardness of {wildcards.dataset}, with levels"
    script:
        "../workflow/scripts/hardness.py"
