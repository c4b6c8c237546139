"""Raw data to item tables.

Needs: what each dataset's `source` names (a generator, or a file).
Makes: results/items/{dataset}.parquet, a row a question, each in one pool: hardness, supervisor, experiment or test.
"""


rule items:
    output:
        paths.items_path("{dataset}"),
    log:
        paths.log_path("items/{dataset}"),
    benchmark:
        paths.benchmark_path("items/{dataset}")
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("items"),
    message:
        "Questions of {wildcards.dataset}"
    script:
        "../workflow/scripts/items.py"
