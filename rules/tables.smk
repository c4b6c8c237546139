"""Graded predictions to tables: accuracies, gains and gaps recovered, with intervals. No GPU.

Needs: grades=results/grades/**.parquet of the experiment, and splits=results/splits/**.parquet or
hardness=results/hardness/{dataset}.parquet to group them by, and results/hardness/measures/** where a table asks how
reliable these are, and results/responses/** where it fits probes; correlations, questions=results/items/{dataset}.parquet
and hardness; account, results/generations/**.parquet, results/clusters/*.parquet and results/models/*/training.json;
wide tables, tidy=results/tables/*.csv, with provenance=*.provenance.json beside each.
Makes: results/tables/{table}.csv and results/tables/correlations_{dataset}.csv; generations.csv, certainty.csv
and costs.csv of studies with texts or trainings; results/tables/wide/, tables as a paper
prints them, CSV and LaTeX; beside each a .provenance.json: what it was made from, and its digest.
"""


rule table:
    input:
        inputs("table"),
    output:
        table=report(
            paths.table_path("{table}"),
            caption="../workflow/report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        provenance=beside(paths.table_path("{table}")),
    log:
        paths.log_path("tables/{table}"),
    benchmark:
        paths.benchmark_path("tables/{table}")
    wildcard_constraints:
        table=values("table"),
    conda:
        CONDA
    resources:
        mem_mb=to_hold("table"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("table"),
    message:
        "Table {wildcards.table}"
    script:
        "../workflow/scripts/table.py"


rule correlations:
    input:
        inputs("correlations"),
    output:
        table=report(
            paths.correlations_path("{dataset}"),
            caption="../workflow/report/correlations.rst",
            category="Tables",
            labels={"table": "correlations_{dataset}"},
        ),
        provenance=beside(paths.correlations_path("{dataset}")),
    log:
        paths.log_path("tables/correlations_{dataset}"),
    benchmark:
        paths.benchmark_path("tables/correlations_{dataset}")
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("correlations"),
    message:
        "Rank correlations between the hardness variables of {wildcards.dataset}"
    script:
        "../workflow/scripts/correlations.py"


rule account:
    input:
        inputs("account"),
    output:
        table=report(
            paths.table_path("{account}"),
            caption="../workflow/report/account.rst",
            category="Tables",
            labels={"table": "{account}"},
        ),
        provenance=beside(paths.table_path("{account}")),
    log:
        paths.log_path("tables/{account}"),
    benchmark:
        paths.benchmark_path("tables/{account}")
    wildcard_constraints:
        account=values("account", "account"),
    conda:
        CONDA
    resources:
        mem_mb=to_hold("account"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("account"),
    message:
        "Table {wildcards.account} of texts and trainings"
    script:
        "../workflow/scripts/account.py"


rule wide:
    input:
        inputs("wide"),
    output:
        **STUDY.job("wide", {}).outputs,
    log:
        paths.log_path("tables/wide"),
    benchmark:
        paths.benchmark_path("tables/wide")
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("wide"),
    message:
        "Tables as a paper prints them"
    script:
        "../workflow/scripts/wide.py"
