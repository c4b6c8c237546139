"""Every module of a room beside the interface that it must keep: what the type checker reads. Nothing runs this."""

from uphill.datasets import ai2_arc, file, gsm8k, hub, mmlu_stem5, strategyqa, world
from uphill.datasets.interface import DatasetSource
from uphill.experiments import (
    all_to_all,
    cause,
    contamination,
    cross_difficulty,
    domains,
    ladders,
    learning_curves,
    noisy_labels,
    population,
    quantization,
    reconcile,
    students,
    weak_to_strong,
)
from uphill.experiments.arms import Experiment
from uphill.grading import bbh, choice, ifeval, letter, math, number, span, stated
from uphill.grading.grade import Grader
from uphill.hardness import (
    choice_order,
    decoded,
    flags,
    human,
    irt,
    irt_table,
    mdl_lora,
    mdl_probe,
    mdl_zero_shot,
    min_k,
    ngram_overlap,
    surface,
    text_logprob,
)
from uphill.hardness.interface import Measure
from uphill.methods import ccs, classifier, finetune, icl, lora, probe, random_probe, zero_shot
from uphill.methods.interface import Method
from uphill.weak_to_strong.interface import LabelKind, TextKind
from uphill.weak_to_strong.labels import certain_or_rewritten, gold, kept, predicted, texts

METHODS: dict[str, Method] = {
    "ccs": ccs,
    "classifier": classifier,
    "finetune": finetune,
    "icl": icl,
    "lora": lora,
    "probe": probe,
    "random_probe": random_probe,
    "zero_shot": zero_shot,
}
MEASURES: dict[str, Measure] = {
    "choice_order": choice_order,
    "decoded": decoded,
    "flags": flags,
    "human": human,
    "irt": irt,
    "irt_table": irt_table,
    "mdl_lora": mdl_lora,
    "mdl_probe": mdl_probe,
    "mdl_zero_shot": mdl_zero_shot,
    "min_k": min_k,
    "ngram_overlap": ngram_overlap,
    "surface": surface,
    "text_logprob": text_logprob,
}
SOURCES: dict[str, DatasetSource] = {
    "ai2_arc": ai2_arc,
    "file": file,
    "gsm8k": gsm8k,
    "hub": hub,
    "mmlu_stem5": mmlu_stem5,
    "strategyqa": strategyqa,
    "world": world,
}
GRADERS: dict[str, Grader] = {
    "bbh": bbh,
    "choice": choice,
    "ifeval": ifeval,
    "letter": letter,
    "math": math,
    "number": number,
    "span": span,
    "stated": stated,
}
EXPERIMENTS: dict[str, Experiment] = {
    "all_to_all": all_to_all,
    "contamination": contamination,
    "domains": domains,
    "cause": cause,
    "cross_difficulty": cross_difficulty,
    "ladders": ladders,
    "learning_curves": learning_curves,
    "noisy_labels": noisy_labels,
    "population": population,
    "quantization": quantization,
    "reconcile": reconcile,
    "students": students,
    "weak_to_strong": weak_to_strong,
}
LABELS: dict[str, LabelKind] = {"gold": gold, "predicted": predicted}
TEXT_LABELS: dict[str, TextKind] = {"certain_or_rewritten": certain_or_rewritten, "kept": kept, "texts": texts}
