"""Labels: what students are trained on instead of right answers. No model, no GPU.

Needs: questions=results/items/{dataset}.parquet; of labels that a model predicts, what it was trained on, splits=results/
splits/{dataset}/{split}.parquet, and what it said, predictions=results/predictions/{method}/{model}/{dataset}.parquet.
Makes: results/labels/{labels}.parquet, a row an item of the experiment pool.
"""


rule label:
    input:
        inputs("label"),
    output:
        paths.labels_path("{labels}"),
    log:
        paths.log_path("labels/{labels}"),
    benchmark:
        paths.benchmark_path("labels/{labels}")
    wildcard_constraints:
        labels=values("labels"),
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("label"),
    message:
        "Labels {wildcards.labels}"
    script:
        "../workflow/scripts/label.py"
