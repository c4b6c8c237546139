"""Who trains, who tests, in which order: a pure function of a key."""
