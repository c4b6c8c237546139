"""The hub to its cache on this machine, for clusters whose compute nodes reach nothing outside.

Needs: a network, and HF_TOKEN in the environment for repositories that ask for one.
Makes: the hub's cache, in HF_HOME. No other rule depends on it: run it on the login node, by its name. It has no output,
so that it looks again each time: the cache may be another one.
"""


rule fetch:
    log:
        paths.log_path("fetch"),
    localrule: True
    conda:
        CONDA
    params:
        spec=lambda wildcards: {
            "stage": "fetch",
            "settings": {
                "repositories": fetching.repositories(
                    STUDY.config,
                    STUDY.models,
                    [job.wildcards["dataset"] for job in STUDY.of("items")],
                )
            },
        },
    message:
        "Fetching models and datasets from the hub"
    script:
        "../workflow/scripts/fetch.py"
