"""Who answered what: the answers of a panel to the items of one dataset. No model, no GPU.

Needs: questions=results/items/{dataset}.parquet; of a panel's models responses=results/responses/{model}/{dataset}/
shard-*.parquet; of its cells grades=results/grades/{method}/{model}/{dataset}.parquet and, to leave out what each was
trained on, splits=results/splits/{dataset}/{split}.parquet.
Makes: results/matrices/{panel}.parquet, a row an item and a column a respondent: 1, 0 or nothing; and
results/matrices/respondents/{panel}.parquet, what each respondent is and is worth. Measures of hardness may read it.
"""


rule matrix:
    input:
        inputs("matrix"),
    output:
        matrix=[paths.matrix_path("{panel}")],
        respondents=[paths.respondents_path("{panel}")],
    log:
        paths.log_path("matrices/{panel}"),
    benchmark:
        paths.benchmark_path("matrices/{panel}")
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("matrix"),
    message:
        "Answers of panel {wildcards.panel}"
    script:
        "../workflow/scripts/matrix.py"
