"""Strings in, strings out: prompt templates and the assembly of few-shot prompts."""

from uphill.prompts.forms import Form, Templates, shipped
from uphill.prompts.templates import PromptFormat, Question, assemble, published, zero_shot_form

__all__ = [
    "Form",
    "PromptFormat",
    "Question",
    "Templates",
    "assemble",
    "published",
    "shipped",
    "zero_shot_form",
]
