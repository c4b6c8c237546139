"""Strings in, strings out: prompt templates, assembly of few-shot prompts, and answer extraction."""

from uphill.prompts.extraction import extract_answer, same_answer
from uphill.prompts.forms import Form, Templates, shipped
from uphill.prompts.templates import PromptFormat, Question, assemble, published, zero_shot_form

__all__ = [
    "Form",
    "PromptFormat",
    "Question",
    "Templates",
    "assemble",
    "extract_answer",
    "published",
    "same_answer",
    "shipped",
    "zero_shot_form",
]
