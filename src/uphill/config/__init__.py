"""The config of a study: its keys, what they may say, and what a machine has to run it on."""
