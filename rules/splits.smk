"""Who trains and who tests.

Needs: questions=results/items/{dataset}.parquet, and measures=results/hardness/measures/{dataset}/**.parquet that it is
cut by.
Makes: results/splits/{dataset}/{split}.parquet, a row a (train level, boot, item) with its role and rank. A draw is named
after its variable, and after its experiment where that has sizes or levels of its own.
"""


rule splits:
    input:
        inputs("splits"),
    output:
        paths.splits_path("{dataset}", "{split}"),
    log:
        paths.log_path("splits/{dataset}/{split}"),
    benchmark:
        paths.benchmark_path("splits/{dataset}/{split}")
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("splits"),
    message:
        "Splits of {wildcards.dataset} by {wildcards.split}"
    script:
        "../workflow/scripts/splits.py"
