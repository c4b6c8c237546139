"""Why jobs would run: what changed since their results were made, root causes first."""
