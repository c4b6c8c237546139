"""The DAG without Snakemake: which jobs there are, what each reads and makes, and its identity.

The rules ask this package for paths, specs and resources, so all of it can be tested without running a workflow.
"""
