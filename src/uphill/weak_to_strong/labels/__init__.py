"""Where labels come from: one module a kind, each with its config entry, the arm that it needs, and the labels."""
