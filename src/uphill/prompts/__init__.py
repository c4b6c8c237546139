"""Strings in, strings out: prompt templates and the assembly of few-shot prompts."""
