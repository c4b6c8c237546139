# Does supervision on easy data carry a language model to hard tasks?
#
#   items -> responses -> hardness -> splits -> (generations -> labels ->) predictions -> grades -> tables -> figures -> report
#
# Run it:  make demo                                                      the embedded default, on this machine
#          snakemake --profile slurm results/tables/population.csv        on a cluster
#          snakemake --profile slurm --configfile my.yaml                 your own study

from snakemake.utils import min_version

min_version("9.20")


# Used with `--sdm apptainer` alone; see envs/README.md.
container: "envs/uphill.sif"


# A config of yours replaces the embedded default; one that says `extends: default` is laid over it.
if not workflow.configfiles:

    configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/overview.rst"


include: "rules/common.smk"
include: "rules/fetch.smk"
include: "rules/items.smk"
include: "rules/models.smk"
include: "rules/responses.smk"
include: "rules/token_scores.smk"
include: "rules/generations.smk"
include: "rules/hardness.smk"
include: "rules/splits.smk"
include: "rules/labels.smk"
include: "rules/predictions.smk"
include: "rules/grades.smk"
include: "rules/panels.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/report.smk"
include: "rules/demo_model.smk"


rule all:
    default_target: True
    # Every stage is named, not only the last: a half-finished rerun is never taken for a result.
    input:
        STUDY.files,
    localrule: True
    message:
        "Everything is up to date"


onstart:
    begin()


onsuccess:
    clear_up()


onerror:
    clear_up()
    print(how_to_go_on(), file=sys.stderr)
