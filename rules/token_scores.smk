"""The one pass of each hardness model over items' texts on their own, where a measure reads the scores of tokens.

Needs: questions=results/items/{dataset}.parquet, and the model.
Makes: results/token_scores/{model}/{dataset}.parquet, a row an (item, text): its log-probability and that of each token.
"""


rule token_scores:
    input:
        inputs("token_scores"),
    output:
        update(paths.token_scores_path("{model}", "{dataset}")),
    log:
        paths.log_path("token_scores/{model}/{dataset}"),
    benchmark:
        paths.benchmark_path("token_scores/{model}/{dataset}")
    priority: 10
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
        spec=spec("token_scores"),
    message:
        "Token scores of the texts of {wildcards.dataset} by {wildcards.model}"
    script:
        "../workflow/scripts/token_scores.py"
