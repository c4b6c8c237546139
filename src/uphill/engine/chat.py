"""Prompts as a user's turn, for models that were tuned to answer one.

The whole few-shot text, its lead-in (such as "Answer:") included, is one user message, and the answer opens the model's
turn. So a prompt stays one text to everything that asks, whether it scores, generates or trains; the examples, which
come first in the message, stay a beginning that prompts share, token for token; and no message is put into the
model's mouth, which templates differ in allowing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from uphill.errors import UphillError

TODAY = datetime(2024, 7, 26)
"""What templates that tell the date are told, so that a prompt is the same on any day (the default of Llama 3.1's)."""
_CODES = "".join(f"|replace('%{code}', '{TODAY.strftime('%' + code)}')" for code in "dmyYbBaAjHIMSp")
# transformers gives templates a clock, and takes no function in its place; a macro of the same name hides it.
_NO_CLOCK = "{% macro strftime_now(format) %}{{ format" + _CODES + " }}{% endmacro %}"


def user_turn(tokenizer: Any, text: str, variables: Mapping[str, Any]) -> str:
    """A prompt in the tokenizer's own chat template, up to where the model's turn starts; special tokens included.

    Args:
        tokenizer: one with a chat template.
        text: the whole prompt.
        variables: the template's own variables, such as `enable_thinking`.
    """
    return _rendered(tokenizer, [{"role": "user", "content": text}], variables, opens=True)


def end_of_turn(tokenizer: Any, variables: Mapping[str, Any]) -> int | None:
    """The token that a chat template puts behind the model's own turn; None where there is none, or no such turn."""
    said = "answer 7"
    turns = [{"role": "user", "content": "Q: 1?"}, {"role": "assistant", "content": said}]
    try:
        _, found, rest = _rendered(tokenizer, turns, variables, opens=False).rpartition(said)
    except Exception:  # whatever a template raises of a turn that it does not take
        return None
    marks = [token for token in tokenizer.added_tokens_encoder if found and rest.lstrip().startswith(token)]
    return int(tokenizer.added_tokens_encoder[max(marks, key=len)]) if marks else None


def _rendered(tokenizer: Any, turns: list[dict[str, str]], variables: Mapping[str, Any], opens: bool) -> str:
    template = tokenizer.get_chat_template()
    return str(
        tokenizer.apply_chat_template(
            turns,
            chat_template=_NO_CLOCK + template if "strftime_now" in template else template,
            tokenize=False,
            add_generation_prompt=opens,
            **{"date_string": TODAY.strftime("%d %b %Y"), **variables},
        )
    )


def chat_variables(setting: bool | Mapping[str, Any]) -> dict[str, Any] | None:
    """A model entry's `chat` as the template's variables; None for a model that continues plain text."""
    return {} if setting is True else None if setting is False else dict(setting)


def check(tokenizer: Any, variables: Mapping[str, Any], where: str) -> None:
    """Put a short prompt.

    Raises:
        UphillError: there is no chat template, or it does not take a user's message alone.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise UphillError(f"{where}: its tokenizer has no chat template, expected one, or chat: false for the model")
    try:
        turn = user_turn(tokenizer, "Q: 1?\nA:", variables)
    except Exception as error:  # whatever a template raises
        raise UphillError(f"{where}: its chat template fails: {' '.join(str(error).split())}") from error
    if "Q: 1?\nA:" not in turn:
        raise UphillError(f"{where}: its chat template gives {turn!r}, expected the user's message in it as it is")
