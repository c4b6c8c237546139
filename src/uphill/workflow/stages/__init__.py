"""One module a stage of the study: which jobs it has, what each reads, and what decides its results."""
