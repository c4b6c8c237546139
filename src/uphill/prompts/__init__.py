"""Strings in, strings out: prompt templates, assembly of few-shot prompts, and answer extraction."""

from uphill.prompts.extraction import extract_answer, same_answer
from uphill.prompts.forms import Answers, Form, Templates, shipped
from uphill.prompts.templates import PromptFormat, Question, assemble, published, separator, zero_shot_form

__all__ = [
    "Answers",
    "Form",
    "PromptFormat",
    "Question",
    "Templates",
    "assemble",
    "extract_answer",
    "published",
    "same_answer",
    "separator",
    "shipped",
    "zero_shot_form",
]
