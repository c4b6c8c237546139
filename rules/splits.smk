"""Who trains and who tests.

Needs: the item table of a dataset, and the measures that it is cut by.
Makes: results/splits/{dataset}/{draw}.parquet, a row a (train level, boot, item) with its role and rank. A draw is named
after its variable, and after its experiment where that has sizes or levels of its own.
"""


rule splits:
    input:
        questions=paths.items_path("{dataset}"),
        measures=lambda wildcards: PLAN.splits_measures(
            wildcards.dataset, wildcards.draw
        ),
    output:
        paths.splits_path("{dataset}", "{draw}"),
    log:
        "results/logs/splits/{dataset}/{draw}.log",
    benchmark:
        "results/benchmarks/splits/{dataset}/{draw}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=lambda wildcards: PLAN.splits_spec(wildcards.dataset, wildcards.draw),
    message:
        "Splits of {wildcards.dataset} by {wildcards.draw}"
    script:
        "../workflow/scripts/splits.py"
