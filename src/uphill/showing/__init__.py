"""Looking at a study before and after it runs: an item, the prompt that a method puts, what stands behind a row."""
