"""Strings in, strings out: prompt templates and the assembly of few-shot prompts."""

from uphill.prompts.forms import Answers, Form, Templates, shipped
from uphill.prompts.templates import PromptFormat, Question, assemble, published, separator, zero_shot_form

__all__ = [
    "Answers",
    "Form",
    "PromptFormat",
    "Question",
    "Templates",
    "assemble",
    "published",
    "separator",
    "shipped",
    "zero_shot_form",
]
