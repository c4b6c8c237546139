"""The one zero-shot pass of each model over each dataset.

Needs: questions=results/items/{dataset}.parquet, and the model.
Makes: results/responses/{model}/{dataset}/shard-{i}-of-{n}.parquet, a row an (item, choice): its log-probability and the
hidden states of its last token, where a method or measure reads them. It feeds the unsupervised baseline, zero-shot MDL and every probe. Shards
that are there and are of today's identity are kept: the run may have been killed before Snakemake knew of them.
"""


rule responses:
    input:
        inputs("responses"),
    output:
        update(paths.shard_paths("{model}", "{dataset}", STUDY.config.responses.shards)),
    log:
        paths.log_path("responses/{model}/{dataset}"),
    benchmark:
        paths.benchmark_path("responses/{model}/{dataset}")
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
        spec=spec("responses"),
    message:
        "Zero-shot pass of {wildcards.model} over {wildcards.dataset}"
    script:
        "../workflow/scripts/responses.py"
