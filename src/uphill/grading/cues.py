"""Where in a text an answer is announced, and where the text goes on with another question."""

import re

_NEXT = re.compile(r"\n\s*(?:Question|Problem|Q)\s*:")
_ANSWER = r"(?:answers?|antwort|respuesta|réponse|reponse|risposta|resposta|ответ|答案|回答)"
_VERB = r"(?:is|are|was|would be|will be|should be|must be|seems? to be|appears? to be|ist|es|est|è|é)"
_LINK = rf"(?:\s+{_VERB}\b|\s*(?:[:=：]|->|→|-|–|—))"
CUE = re.compile(
    rf"\b{_ANSWER}(?:\s+(?:choice|option|letter))?(?:\s+(?:to|of)\s+[^.:\n]{{1,80}}?)?{_LINK}"
    r"(?:\s*[:=]|\s*\b(?:option|choice|letter|indeed|therefore|simply|clearly|probably|thus|just|then)\b)*\s*"
    r"|\bmy (?:choice|answer|pick) is\s*:?\s*",
    re.IGNORECASE,
)
"""What announces an answer, up to where that begins."""


def own_part(text: str) -> str:
    """A text up to the next question that its writer made up."""
    found = _NEXT.search(text)
    return text[: found.start()] if found else text
