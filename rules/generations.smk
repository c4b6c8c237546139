"""Generations: texts that a model writes, their grades, and which of them say the same.

Needs: questions=results/items/{dataset}.parquet, the model, and what is shown beside a question, by slot: shards of other
generations, or clusters.
Makes: results/generations/{generation}/shard-{shard}.parquet, a row a text, and beside it shard-{shard}.json, how long that
took; of generations that answer questions,
results/generations/{generation}/grades.parquet, a row a text; results/clusters/{clusters}.parquet, a row a cluster.
"""


rule generate:
    input:
        inputs("generate"),
    output:
        texts=update(paths.generation_path("{generation}", "{shard}")),
        writing=paths.writing_path("{generation}", "{shard}"),
    log:
        paths.log_path("generations/{generation}/shard-{shard}"),
    benchmark:
        paths.benchmark_path("generations/{generation}/shard-{shard}")
    wildcard_constraints:
        generation=values("generation"),
        shard="[0-9]+",
    priority: 5
    conda:
        CONDA
    threads: threads_of("generate")
    resources:
        gpu=on_its_model("generate", "gpu"),
        gpu_percent=on_its_model("generate", "gpu_percent"),
        gpu_model=on_its_model("generate", "gpu_model"),
        mem_mb=on_its_model("generate", "mem_mb"),
        runtime=on_its_model("generate", "runtime"),
        pack_tokens=on_its_model("generate", "pack_tokens"),
        batch=on_its_model("generate", "batch"),
    params:
        spec=spec("generate"),
    message:
        "Texts of generation {wildcards.generation}, shard {wildcards.shard}"
    script:
        "../workflow/scripts/generate.py"


rule grade_generation:
    input:
        inputs("grade_generation"),
    output:
        paths.text_grades_path("{generation}"),
    log:
        paths.log_path("generations/{generation}/grades"),
    benchmark:
        paths.benchmark_path("generations/{generation}/grades")
    wildcard_constraints:
        generation=values("generation", "grade_generation"),
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("grade_generation"),
    message:
        "Grades of generation {wildcards.generation}"
    script:
        "../workflow/scripts/grade_generation.py"


rule cluster:
    # By answers on a CPU; by embeddings, on what their model asks for.
    input:
        inputs("cluster"),
    output:
        paths.clusters_path("{clusters}"),
    log:
        paths.log_path("clusters/{clusters}"),
    benchmark:
        paths.benchmark_path("clusters/{clusters}")
    wildcard_constraints:
        clusters=values("clusters"),
    conda:
        CONDA
    threads: threads_of("cluster")
    resources:
        gpu=on_its_model("cluster", "gpu"),
        gpu_percent=on_its_model("cluster", "gpu_percent"),
        gpu_model=on_its_model("cluster", "gpu_model"),
        mem_mb=on_its_model("cluster", "mem_mb"),
        runtime=on_its_model("cluster", "runtime"),
    params:
        spec=spec("cluster"),
    message:
        "Clusters {wildcards.clusters}"
    script:
        "../workflow/scripts/cluster.py"
