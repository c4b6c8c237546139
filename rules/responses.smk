"""The one zero-shot pass of each model over each dataset.

Needs: results/items/{dataset}.parquet and the model.
Makes: results/responses/{model}/{dataset}/shard-{i}-of-{n}.parquet, a row an (item, choice): its log-probability and the
hidden states of its last token. It feeds the unsupervised baseline, zero-shot MDL and every probe. Shards
that are there and are of today's identity are kept: the run may have been killed before Snakemake knew of them.
"""


rule responses:
    input:
        questions=paths.items_path("{dataset}"),
    output:
        update(PLAN.shard_paths("{model}", "{dataset}")),
    log:
        "results/logs/responses/{model}/{dataset}.log",
    benchmark:
        "results/benchmarks/responses/{model}/{dataset}.tsv"
    priority: 10
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
        spec=lambda wildcards: PLAN.responses_spec(wildcards.model, wildcards.dataset),
    message:
        "Zero-shot pass of {wildcards.model} over {wildcards.dataset}"
    script:
        "../workflow/scripts/responses.py"
