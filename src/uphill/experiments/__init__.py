"""What a study varies: one module an experiment, each with the entry of its config key and the arms that this makes."""
