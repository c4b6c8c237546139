"""Who trains and who tests.

Needs: the item table and the hardness table of a dataset.
Makes: results/splits/{dataset}/{variable}.parquet, a row a (train level, boot, item) with its role and rank.
"""


rule splits:
    input:
        questions=paths.items_path("{dataset}"),
        hardness=paths.hardness_path("{dataset}"),
    output:
        paths.splits_path("{dataset}", "{variable}"),
    log:
        "results/logs/splits/{dataset}/{variable}.log",
    benchmark:
        "results/benchmarks/splits/{dataset}/{variable}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=lambda wildcards: PLAN.splits_spec(wildcards.dataset, wildcards.variable),
    message:
        "Splits of {wildcards.dataset} by {wildcards.variable}"
    script:
        "../workflow/scripts/splits.py"
