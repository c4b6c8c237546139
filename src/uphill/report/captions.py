"""What tables and figures are called on the page, and what each shows."""

from collections.abc import Mapping

LADDER = "ladder"
"""The kind of every table and figure of a ladder, whose own name is the config's."""
CORRELATIONS = "correlations"

TITLES: Mapping[str, str] = {
    "population": "Accuracy by training level and test level",
    "sgr": "Supervision Gap Recovered",
    "comparisons": "Accuracies on hard items, two by two",
    "accuracy_by_hardness": "Accuracy by hardness value",
    "all_to_all": "Accuracy after training on items of any difficulty",
    "all_to_all_by_hardness": "Accuracy by every hardness variable, trained on items of any difficulty",
    "learning_curves": "Accuracy by number of training items",
    "noisy_labels": "Accuracy by share of random labels",
    "quantization": "Quantized models beside full ones",
    LADDER: "Ladder",
    CORRELATIONS: "Rank correlations between hardness variables",
}
_INTERVAL = "In brackets, a bootstrap interval over test items and boots."
TABLES: Mapping[str, str] = {
    "population": f"One row per training condition and test level. {_INTERVAL} The gain is over no supervision, paired "
    "on the same items; the generalization gap is accuracy on hard items less that on items of the level trained on. "
    "Of written answers it is said in how many texts one was found; a text without one counts as wrong.",
    "sgr": "(Easy - Unsupervised) / (Hard - Unsupervised), all on hard test items: 1 where easy data serves as well as "
    "hard data, 0 where it serves no better than none, undefined where hard data itself does not help.",
    "comparisons": "Accuracies on hard test items and their paired differences: what easy and hard data add to no "
    "supervision, and what hard data adds to easy data.",
    "accuracy_by_hardness": "One row per training condition and hardness value; where a variable takes many values, "
    "the middle of each of four equally wide ranges stands for its items.",
    "all_to_all": f"Training and test items of any difficulty. {_INTERVAL}",
    "all_to_all_by_hardness": "Training items of any difficulty; test items grouped by each hardness variable in turn. "
    "Where it takes many values, the middle of each of four equally wide ranges stands for its items.",
    "learning_curves": f"One row per training condition and number of training items. {_INTERVAL}",
    "noisy_labels": "Labels of training items are drawn at random with the probability shown, more of hard data than "
    f"of easy data. {_INTERVAL}",
    "quantization": "Accuracy of the quantized model (a) and of the full one (b) after the same training on the same "
    "items, and their paired difference.",
    LADDER: f"Training on bands of growing difficulty, tested on one band. {_INTERVAL}",
    CORRELATIONS: "Spearman correlations over the experiment pool, with bootstrap intervals over items.",
}
_WHISKERS = "Whiskers are bootstrap intervals over items and boots."
_BANDS = "Bands are bootstrap intervals over items and boots."
FIGURES: Mapping[str, str] = {
    "population": "Accuracy on hard test items (of a variable cut into bins: on the last) without supervision and "
    f"after training on each level. {_WHISKERS} Hatched bars are trained on data of another dataset.",
    "population_all": f"As the figure before, but on test items of every level. {_WHISKERS}",
    "train_levels": "Accuracy on hard test items against the level of the training items: a flat line says that easy "
    f"data serves as well as hard data. Dashed, no supervision. {_WHISKERS} Axes differ between panels.",
    "by_model": "Accuracy on hard test items without supervision and after training on easy and on hard data, model "
    f"beside model in the config's order. {_WHISKERS}",
    "sgr": "Supervision Gap Recovered by easy data: 1 (dashed) is as good as hard data, 0 no better than none. "
    "Whiskers are paired-bootstrap intervals; arrows stand where one leaves the frame.",
    "accuracy_by_hardness": "Accuracy against the hardness of the test items, without supervision and after training "
    "on easy items of the same dataset. Bars stand for values, points joined by lines for the middles of equally wide "
    "ranges; whiskers and bands are bootstrap intervals.",
    "all_to_all_by_hardness": "Accuracy against the hardness of the test items by each variable, without supervision "
    "and after training on items of any difficulty. Bars stand for values, points joined by lines for the middles of "
    "equally wide ranges; whiskers and bands are bootstrap intervals.",
    "learning_curves": "Accuracy against the number of training items, and against what their labels cost if that of "
    f"a hard item costs twice as much as that of an easy one. Dashed, no supervision. {_BANDS}",
    "noisy_labels": "Accuracy against the share of random labels in easy data; hard data has the larger share that the "
    f"axis says. Dashed, no supervision. {_BANDS}",
    "quantization": "What quantization costs: accuracy of the quantized model less that of the full one, on the same "
    "items after the same training. Whiskers are paired-bootstrap intervals.",
    LADDER: f"Accuracy on one band of items after training on bands of growing difficulty. {_WHISKERS}",
    "hardness": "How many items have which value of each hardness variable, in the colour of the level that they are "
    "cut to.",
    CORRELATIONS: "Spearman correlations between hardness variables over the experiment pool; in brackets where the "
    "interval holds 0.",
}


def kind(name: str, ladders: Mapping[str, object]) -> str:
    """What a table or figure is an instance of: there is one for each dataset or ladder of some kinds."""
    if name in ladders:
        return LADDER
    return CORRELATIONS if name.startswith(f"{CORRELATIONS}_") else name


def title(name: str, ladders: Mapping[str, object]) -> str:
    """A heading for a table."""
    of = kind(name, ladders)
    own = name.removeprefix(f"{CORRELATIONS}_") if of == CORRELATIONS else name.replace("_", " ")
    return TITLES[of] + (f": {own}" if of in (LADDER, CORRELATIONS) else "")
