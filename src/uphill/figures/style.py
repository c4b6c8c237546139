"""One look for all figures: colours that colour-blind readers can tell apart, intervals always drawn."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from uphill.level_names import in_order
from uphill.schemas import UNSUPERVISED, written_whole

# Okabe and Ito's palette.
COLOURS = {UNSUPERVISED: "#999999", "easy": "#0072B2", "medium": "#E69F00", "hard": "#D55E00"}
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
NAMES = {
    UNSUPERVISED: "no supervision",
    "icl": "ICL",
    "icl_cot": "ICL with reasoning",
    "probe": "linear probe",
    "lora": "LoRA",
    "zero_shot": "zero-shot",
    "zero_shot_cot": "zero-shot with reasoning",
    "num_steps": "true steps",
    "question_num_words": "question words",
    "answer_num_words": "answer words",
    "answer_num_chars": "answer characters",
    "reasoning_num_words": "reasoning words",
    "mdl_zero_shot": "MDL (zero-shot)",
    "mdl_probe": "MDL (linear probe)",
    "mdl_lora": "MDL (LoRA)",
    "human_grade": "grade",
    "human_difficulty": "difficulty",
    "human_bloom": "Bloom skill",
    "human_depth_of_knowledge": "depth of knowledge",
    "human_hardness": "high school or college",
}
BITS = "_bits"


def name(key: str) -> str:
    """A name for readers."""
    if key not in NAMES and key.endswith(BITS):
        return f"{name(key.removesuffix(BITS))}, bits"
    return NAMES.get(key, key.replace("_", " "))


def level_colours(levels: Iterable[str]) -> dict[str, Any]:
    """A colour for each level that occurs, from easy to hard; bins run from dark to bright."""
    seen = in_order(levels)
    bins = [level for level in seen if level not in COLOURS]
    shades = mpl.colormaps["cividis"].resampled(len(bins) + 1) if bins else None
    return {
        level: COLOURS[level] if shades is None or level in COLOURS else shades(bins.index(level)) for level in seen
    }


def title(model: str, dataset: str, variable: str | None = None) -> str:
    """What a panel shows."""
    return f"{dataset}{f' by {name(variable)}' if variable else ''} ({model})"


def grid(panels: int, width: float, height: float) -> tuple[Figure, list[Any]]:
    """A figure with as many panels, two in a row, each of a size in inches."""
    rows = -(-panels // 2)
    figure = Figure(figsize=(width * min(panels, 2), height * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, min(panels, 2), squeeze=False).ravel().tolist()
    for spare in axes[panels:]:
        spare.remove()
    return figure, axes[:panels]


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the house's style."""
    look: dict[str, Any] = {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "figure.dpi": 150,
        "legend.frameon": False,
        "pdf.fonttype": 42,
        "errorbar.capsize": 2,
    }
    with mpl.rc_context(look):  # type: ignore[arg-type] # its keys are a closed list of literals
        yield


def save(figure: Figure, path: str) -> None:
    """Write a figure whole. No date goes into a PDF, so that the same figure is the same bytes."""
    metadata = {"CreationDate": None} if Path(path).suffix == ".pdf" else {"Software": None}
    with written_whole(path) as temporary:
        figure.savefig(temporary, metadata=metadata)
