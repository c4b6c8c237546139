"""Labels, what turns one model's answers into another's supervision. Knows schemas and grading, and runs no model."""
