"""The name of each file of a study; the rules give it patterns for names, and so get the pattern of the file.

A process is at one study at a time, under whose root all of them are.
"""

from uphill.running.places import RESULTS, root_of
from uphill.schemas.names import GOLD

CORRELATIONS = "correlations_"
_root = RESULTS


def enter(study: str | None) -> None:
    """Be at a study, by its name; at one without a name, which any process is at first."""
    global _root
    _root = root_of(study)


def root() -> str:
    """The folder of all files of the study that this process is at."""
    return _root


def report_path() -> str:
    """The whole study on one page."""
    return f"{root()}/report.html"


def items_path(dataset: str) -> str:
    """The item table of a dataset."""
    return f"{root()}/items/{dataset}.parquet"


MODEL_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def model_folder(model: str) -> str:
    """The folder of a model that is made here."""
    return f"{root()}/models/{model}"


def model_paths(model: str) -> list[str]:
    """The files of a model that is made here."""
    return [f"{model_folder(model)}/{name}" for name in MODEL_FILES]


def adapter_paths(model: str) -> list[str]:
    """The files of an adapter that is trained here."""
    return [f"{model_folder(model)}/{name}" for name in ADAPTER_FILES]


def training_path(model: str) -> str:
    """What the training of a model did."""
    return f"{model_folder(model)}/training.json"


def measure_path(dataset: str, measure: str, model: str | None = None) -> str:
    """One measure's part of a hardness table, by one hardness model if it needs any."""
    return f"{root()}/hardness/measures/{dataset}/{measure}{f'/{model}' if model else ''}.parquet"


def matrix_path(panel: str) -> str:
    """Which items each respondent of a panel answered rightly."""
    return f"{root()}/matrices/{panel}.parquet"


def respondents_path(panel: str) -> str:
    """What each respondent of a panel is, and is worth."""
    return f"{root()}/matrices/respondents/{panel}.parquet"


def hardness_path(dataset: str) -> str:
    """The hardness table of a dataset."""
    return f"{root()}/hardness/{dataset}.parquet"


def splits_path(dataset: str, split: str) -> str:
    """The splits of a dataset: by a variable, or by an experiment of its own levels or sizes."""
    return f"{root()}/splits/{dataset}/{split}.parquet"


def predictions_path(method: str, model: str, dataset: str, taught: str = "") -> str:
    """The predictions of one job; `taught` is that of `taught_by`."""
    return f"{root()}/predictions/{method}/{model}/{dataset}{taught}.parquet"


def grades_path(method: str, model: str, dataset: str, taught: str = "") -> str:
    """The grades of one file of predictions."""
    return f"{root()}/grades/{method}/{model}/{dataset}{taught}.parquet"


def taught_by(labels: str) -> str:
    """What files of predictions are called after the dataset: nothing with its own labels, else after the labels.

    Files of their own, so that a model can be taught by its own answers, which are in another file.
    """
    return "" if labels == GOLD else f"@{labels}"


def labels_path(labels: str) -> str:
    """Labels of the items of a dataset."""
    return f"{root()}/labels/{labels}.parquet"


def generation_path(generation: str, shard: str) -> str:
    """A shard of the texts of a generation."""
    return f"{root()}/generations/{generation}/shard-{shard}.parquet"


def writing_path(generation: str, shard: str) -> str:
    """What the writing of a shard took."""
    return f"{root()}/generations/{generation}/shard-{shard}.json"


def text_grades_path(generation: str) -> str:
    """The grades of a generation."""
    return f"{root()}/generations/{generation}/grades.parquet"


def clusters_path(clusters: str) -> str:
    """Which texts of each item say the same."""
    return f"{root()}/clusters/{clusters}.parquet"


def table_path(table: str) -> str:
    """A table of an experiment."""
    return f"{root()}/tables/{table}.csv"


def correlations_path(dataset: str) -> str:
    """The rank correlations of a dataset's hardness variables."""
    return table_path(f"{CORRELATIONS}{dataset}")


def wide_path(table: str, kind: str) -> str:
    """A table as a paper prints it, in one format."""
    return f"{root()}/tables/wide/{table}.{kind}"


def shard_paths(model: str, dataset: str, count: int) -> list[str]:
    """Files of the zero-shot pass of a model over a dataset."""
    return [f"{root()}/responses/{model}/{dataset}/shard-{shard}-of-{count}.parquet" for shard in range(count)]


def token_scores_path(model: str, dataset: str) -> str:
    """The pass of a model over the texts of a dataset's items, each on its own."""
    return f"{root()}/token_scores/{model}/{dataset}.parquet"


def figure_path(figure: str, kind: str) -> str:
    """A figure in one format."""
    return f"{root()}/figures/{figure}.{kind}"


def log_path(record: str) -> str:
    """The log of a job, by the name of its record."""
    return f"{root()}/logs/{record}.log"


def benchmark_path(record: str) -> str:
    """What a job took, as Snakemake writes it."""
    return f"{root()}/benchmarks/{record}.tsv"
