"""Predictions to tables: accuracies, gains and gaps recovered, with intervals. No GPU.

Needs: predictions, and splits or hardness tables to group them by.
Makes: results/tables/{table}.csv and results/tables/correlations_{dataset}.csv; results/tables/wide/, tables as a paper
prints them, CSV and LaTeX; beside each a .provenance.json: what it was made from, and its digest.
"""


rule table:
    input:
        predictions=lambda wildcards: PLAN.predictions_of(wildcards.table),
        splits=lambda wildcards: PLAN.splits_of(wildcards.table),
        hardness=lambda wildcards: PLAN.hardness_of(wildcards.table),
    output:
        table=report(
            paths.table_path("{table}"),
            caption="../workflow/report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        provenance=paths.provenance_path(paths.table_path("{table}")),
    log:
        "results/logs/tables/{table}.log",
    benchmark:
        "results/benchmarks/tables/{table}.tsv"
    wildcard_constraints:
        table=one_of(PLAN.table_names()),
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=lambda wildcards: PLAN.table_spec(wildcards.table),
    message:
        "Table {wildcards.table}"
    script:
        "../workflow/scripts/table.py"


rule correlations:
    input:
        questions=paths.items_path("{dataset}"),
        hardness=paths.hardness_path("{dataset}"),
    output:
        table=report(
            paths.correlations_path("{dataset}"),
            caption="../workflow/report/correlations.rst",
            category="Tables",
            labels={"table": "correlations_{dataset}"},
        ),
        provenance=paths.provenance_path(paths.correlations_path("{dataset}")),
    log:
        "results/logs/tables/correlations_{dataset}.log",
    benchmark:
        "results/benchmarks/tables/correlations_{dataset}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=lambda wildcards: PLAN.correlations_spec(wildcards.dataset),
    message:
        "Rank correlations between the hardness variables of {wildcards.dataset}"
    script:
        "../workflow/scripts/correlations.py"


rule wide:
    input:
        tidy=PLAN.wide_inputs(),
        provenance=[paths.provenance_path(tidy) for tidy in PLAN.wide_inputs()],
    output:
        PLAN.wide_tables(),
        list(dict.fromkeys(map(paths.provenance_path, PLAN.wide_tables()))),
    log:
        "results/logs/tables/wide.log",
    benchmark:
        "results/benchmarks/tables/wide.tsv"
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=lambda wildcards: PLAN.wide_spec(),
    message:
        "Tables as a paper prints them"
    script:
        "../workflow/scripts/wide.py"
