"""What a study would cost, before any of it runs: jobs, model loads, tokens and GPU-hours."""
