"""Strings in, strings out: prompt templates, assembly of few-shot prompts, and answer extraction."""

from uphill.prompts.extraction import extract_answer, same_answer
from uphill.prompts.templates import PromptFormat, Question, assemble, zero_shot_form

__all__ = ["PromptFormat", "Question", "assemble", "extract_answer", "same_answer", "zero_shot_form"]
