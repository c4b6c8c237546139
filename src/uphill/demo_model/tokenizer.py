"""The demo model's word-level tokenizer: a word, a number, a punctuation mark and a newline are one token each."""

import re
from collections.abc import Iterator
from dataclasses import astuple

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from uphill.datasets.world import DOMAINS, RING
from uphill.demo_model.text import FORMATS, MARKS
from uphill.prompts.templates import Question

BOS, EOS, PAD, UNK = SPECIAL_TOKENS = ("<s>", "</s>", "<pad>", "<unk>")
TOKEN = r"\n|\d+|[A-Za-z]+|[^\w\s]"
CONTEXT = 1024


def split(text: str) -> list[str]:
    """The tokens of a text without special tokens, just as the tokenizer splits it."""
    return re.findall(TOKEN, text)


def build() -> PreTrainedTokenizerFast:
    """The tokenizer. It puts BOS before a text, as training does; spaces are dropped, and put back by decoding."""
    vocabulary = {token: i for i, token in enumerate([*SPECIAL_TOKENS, *sorted(set(_words()))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(TOKEN), behavior="removed", invert=True)
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(Regex(r"^(?=\w)"), " "),  # a space before every word and number ...
            decoders.Fuse(),
            decoders.Replace(Regex(r"(?<=\n) "), ""),  # ... but none at the start of a line
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, vocabulary[BOS])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNK,
        model_max_length=CONTEXT,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )


def _words() -> Iterator[str]:
    """Every token that the world's sentences, the prompt formats and the numbers can need, some more than once."""
    yield from (str(number) for number in range(RING))
    yield from MARKS
    for domain in DOMAINS.values():
        for field in astuple(domain):
            for sentence in [field] if isinstance(field, str) else field:
                yield from split(sentence.replace("{}", " "))
    for prompt_format in FORMATS.values():
        yield from split(prompt_format.example(Question("", choices=[""] * 4)) + "\n")
