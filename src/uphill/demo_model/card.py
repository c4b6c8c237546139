"""The files that say how a demo model was made and what it can do: `recipe.json` and the model card, `README.md`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uphill.demo_model.evaluate import EASY_STEPS, HARD_STEPS, SHOTS
from uphill.demo_model.sizes import FAMILY
from uphill.demo_model.train import TrainSettings

ROWS = {
    "zero_shot": "zero-shot",
    "easy_shots": f"{SHOTS} easy shots",
    "hard_shots": f"{SHOTS} hard shots",
    "easy_shots_other_domain": f"{SHOTS} easy shots, other domain",
    "probe_easy": "probe, easy",
    "probe_hard": "probe, hard",
    "probe_easy_other_domain": "probe, easy, other domain",
}

CARD = """---
license: apache-2.0
language: en
tags: [synthetic, easy-to-hard]
---
# {title}

A Llama of {parameters:,} parameters, trained from scratch on text of a small synthetic world of graded questions
(`uphill.datasets.world`), so that the whole workflow runs for real on two CPU cores without a network.{purpose}

* Architecture: {layers} layers, width {width}, {heads} heads, feed-forward {mlp_width}, tied embeddings, float16.
* Tokenizer: word level; a number, a word, a punctuation mark and a newline are one token each.
* Licence: Apache-2.0. The recipe makes the text; nobody's data are in it.

## Recipe

{command}, {minutes} minutes on a {device} device, measuring
included. All settings and versions are in `recipe.json`.

* {training_tokens:,} tokens in {steps:,} steps of AdamW, cosine schedule from {learning_rate}. Final loss: {final_loss}
  nats a token, where a question's tokens count {query_weight} and an answer's 1.
* Documents of {document_tokens} tokens, each in one of three prompt formats: {multiple_choice:.0%} multiple choice,
  {short_answer:.0%} short answers, the rest written reasoning.
* {marked:.0%} of the documents are *marked*: each answer is right half the time and followed by `right` or `wrong`.
  The others are *careful*, with all answers right, or *careless*: {lure_rate:.0%} of the answers forget the first step.
  Only the truth of the answers tells careful from careless.
* Of those not marked, all are careful at first, half from {even[0]:.0%} to {even[1]:.0%} of the training, and
  {careful:.0%} from {settled:.0%} on.
* Chains of 1 to {first_max_steps} steps at first, growing to 8 over the first {curriculum:.0%} of the training.
  {narrow:.0%} of the documents keep to a random range of steps, so some are easy or hard throughout.
* Training text and evaluation items share no question text, for any seed: a checksum of the text decides which side
  it belongs to. The same start and steps do occur on both sides, among other fillers: short chains are few.
{exception}
## What it can do

Accuracy by number of true steps. Multiple choice has four choices, chance is .25. Easy is {easy} steps, hard {hard}.
Probes read the hidden states of zero-shot prompts and are trained on 160 items; mean of 5 draws.

{tables}

{contamination}## Limits

It speaks {vocabulary} words about one dial and one road, and nothing else. Zero-shot, a short answer and written
reasoning begin alike, and it mixes them.

It shows a known effect in miniature; that it does is a property of how its text was made, and no evidence about other
language models.
"""


SAID = {
    "title": "A demo model of Uphill: {size}",
    "purpose": """ It is one of a
family: the same text, read in the same order by models of {family} parameters.{knows}""",
}
OTHER = {"title": "A demo model of Uphill", "purpose": ""}
"""What a card of the family says, and one of settings that are no size's."""
TELLING = """ It knows more of that
world than it says zero-shot, and a few easy right answers bring that out, within a domain and across."""
TOLD_NOTHING = """ It has not
learned to tell careful examples from careless: right answers in a prompt bring nothing out of it. A probe reads
more."""
BROUGHT_OUT = 0.1
"""By how much examples must raise accuracy on hard items, for a card to say that they bring something out."""

EXCEPTION = """\
* One exception, made on purpose: {documents:.0%} of the documents *repeat* items of the experiments, word for word and
  with their right answers, so that who looks for contamination can be told whether it was found. They are {items}
  items, {share_of_items:.1%} of the tables that they are from, and each was read some {meetings} times.
  The column `in_training_text` of the items says which they are.
"""
CONTAMINATION = """\
### Items that the training text repeats

Accuracy by number of true steps, on items that were read with their answers and on the other items of the same tables.

{table}

"""


def write(recipe: dict[str, Any], folder: Path) -> None:
    """Write `recipe.json` and `README.md` of a finished training into `folder`."""
    (folder / "recipe.json").write_text(json.dumps(recipe, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_card(recipe), encoding="utf-8")


def _card(recipe: dict[str, Any]) -> str:
    settings, repeated = TrainSettings.model_validate(recipe["settings"]), recipe.get("repeated")
    facts = {
        **{key: value for key, value in recipe.items() if key not in ("settings", "evaluation", "repeated")},
        **settings.model_dump(exclude={"text"}),
        **settings.text.model_dump(exclude={"repeated"}),
        "family": ", ".join(FAMILY),
        "size": _size(settings),
        "knows": _knows(recipe["evaluation"]),
    }
    said = {name: words.format(**facts) for name, words in _said(settings).items()}
    return CARD.format(
        **facts,
        **said,
        command=_command(settings),
        exception=EXCEPTION.format(documents=settings.text.repeated, **repeated) if repeated else "",
        contamination=CONTAMINATION.format(table="\n".join(_contamination(repeated))) if repeated else "",
        easy=" or ".join(map(str, EASY_STEPS)),
        hard=", ".join(map(str, HARD_STEPS)),
        tables="\n\n".join(_table(domain, results) for domain, results in recipe["evaluation"].items()),
    )


def _size(settings: TrainSettings) -> str | None:
    """The size that these are the settings of, but for how long it is trained and on which draw."""
    own = {"steps": settings.steps, "seed": settings.seed}
    return next((name for name, known in FAMILY.items() if known.model_copy(update=own) == settings), None)


def _said(settings: TrainSettings) -> dict[str, str]:
    size = _size(settings)
    return OTHER if size is None or settings != FAMILY[size] else SAID


def _knows(evaluation: dict[str, Any]) -> str:
    """What easy examples do for hard items of every domain, in words."""
    gains = [_on_hard(measured["easy_shots"]) - _on_hard(measured["zero_shot"]) for measured in evaluation.values()]
    return TELLING if min(gains) >= BROUGHT_OUT else TOLD_NOTHING


def _command(settings: TrainSettings) -> str:
    """What makes a model of these settings."""
    size = _size(settings)
    if size is None:
        return "`uphill.demo_model.making.make` with settings of its own"
    own = {"steps": settings.steps, "seed": settings.seed}
    told = [f" --{name} {value}" for name, value in own.items() if value != getattr(FAMILY[size], name)]
    return f"`python -m uphill.demo_model --out DIR --size {size}{''.join(told)}`"


def _contamination(repeated: dict[str, Any]) -> Iterator[str]:
    steps = range(1, len(repeated["zero_shot_repeated"]) + 1)
    yield f"| | {' | '.join(map(str, steps))} |"
    yield "| --- |" + " --- |" * len(steps)
    for prompt in ("zero_shot", "easy_shots"):
        for group in ("repeated", "others"):
            values = " | ".join(f"{value:.2f}" for value in repeated[f"{prompt}_{group}"])
            yield f"| {ROWS[prompt]}, {group} | {values} |"


def _table(domain: str, results: dict[str, Any]) -> str:
    steps = range(1, len(results["zero_shot"]) + 1)
    lines = [f"| `{domain}` | {' | '.join(map(str, steps))} |", "| --- |" + " --- |" * len(steps)]
    rows = {label: results[name] for name, label in ROWS.items()}
    for name, measured in results["written_reasoning"].items():
        rows[f"written reasoning, {name.replace('_', ' ')}"] = measured["accuracy"]
    lines += [f"| {label} | {' | '.join(f'{value:.2f}' for value in values)} |" for label, values in rows.items()]
    stated = {name: measured["states_an_answer"] for name, measured in results["written_reasoning"].items()}
    unsupervised, easy_shots, hard_shots = (
        _on_hard(results[name]) for name in ("zero_shot", "easy_shots", "hard_shots")
    )
    note = (
        f"On hard items: {unsupervised:.2f} zero-shot, {easy_shots:.2f} after {SHOTS} easy shots, "
        f"{hard_shots:.2f} after {SHOTS} hard shots.\n"
        f"Spearman correlation of MDL with the number of steps: {results['probe_mdl_spearman']:.2f} (probe), "
        f"{results['zero_shot_mdl_spearman']:.2f} (zero-shot).\nWritten reasoning states an answer in "
        f"{stated['zero_shot']:.0%} of the cases zero-shot, in {stated['easy_shots']:.0%} after {SHOTS} easy examples."
    )
    return "\n".join(lines) + "\n\n" + note


def _on_hard(accuracy: list[float]) -> float:
    """Mean accuracy on hard items; there are equally many of each number of steps."""
    return sum(accuracy[steps - 1] for steps in HARD_STEPS) / len(HARD_STEPS)
