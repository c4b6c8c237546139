"""Raw predictions, graded: what was answered, and whether it is right. No model, no GPU.

Needs: predictions=results/predictions/{method}/{model}/{dataset}.parquet, and the right answers in
questions=results/items/{dataset}.parquet.
Makes: results/grades/{method}/{model}/{dataset}.parquet, a row a row of the predictions. The file that is there is brought
up to date: what neither its predictions nor its grader have changed for, by variable, is not graded again.
"""


rule grade:
    input:
        inputs("grade"),
    output:
        update(paths.grades_path("{method}", "{model}", "{dataset}", "{taught}")),
    log:
        paths.log_path("grades/{method}/{model}/{dataset}{taught}"),
    benchmark:
        paths.benchmark_path("grades/{method}/{model}/{dataset}{taught}")
    wildcard_constraints:
        method=values("method", "grade"),
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("grade"),
    message:
        "Grades of {wildcards.method} with {wildcards.model} on {wildcards.dataset}{wildcards.taught}"
    script:
        "../workflow/scripts/grade.py"
