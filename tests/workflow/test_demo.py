"""The embedded default shows what it is there to show: read off the tables that it makes."""

import json
from html.parser import HTMLParser

import pandas as pd
import pyarrow.parquet as pq
import pytest

from uphill.schemas.files import made_by, read
from uphill.schemas.grades import GRADES
from uphill.schemas.hardness import HARDNESS
from uphill.schemas.items import ITEMS
from uphill.schemas.predictions import PREDICTIONS
from uphill.schemas.splits import SPLITS

MC = ("dial", "road")


@pytest.fixture(scope="module")
def tables(demo) -> dict[str, pd.DataFrame]:  # type: ignore[no-untyped-def]
    """Every table of the demo."""
    paths = (demo.folder / "results/tables").glob("*.csv")
    return {path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in paths}


def rows(table: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table


def row(table: pd.DataFrame, **wanted: object) -> pd.Series:
    found = rows(table, **wanted)
    assert len(found) == 1, f"{wanted}: {len(found)} rows"
    return found.iloc[0]


@pytest.mark.parametrize("method", ["icl", "probe"])
@pytest.mark.parametrize(("dataset", "source"), [("dial", "dial"), ("road", "road"), ("dial", "road")])
def test_easy_supervision_carries_to_hard_items(
    tables: dict[str, pd.DataFrame], method: str, dataset: str, source: str
) -> None:
    """Also when the easy data is of the other domain."""
    by_steps = rows(tables["population"], dataset=dataset, variable="num_steps", test_on="hard")
    easy = row(by_steps, method=method, train_on="easy", train_dataset=source)
    unsupervised = row(by_steps, method="zero_shot")
    assert easy["gain"] == pytest.approx(easy["accuracy"] - unsupervised["accuracy"], abs=2e-6)  # six decimals in CSV
    assert easy["gain"] >= (0.10 if (method, dataset) == ("probe", "road") else 0.20)
    assert easy["gain_low"] > 0


@pytest.mark.parametrize("method", ["icl", "probe"])
@pytest.mark.parametrize("dataset", MC)
def test_supervised_accuracy_falls_with_the_true_number_of_steps(
    tables: dict[str, pd.DataFrame], method: str, dataset: str
) -> None:
    by_steps = rows(tables["accuracy_by_hardness"], dataset=dataset, variable="num_steps", method=method)
    by_steps = rows(by_steps, train_on="easy", train_dataset=dataset).sort_values("test_on")
    assert by_steps["test_on"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert by_steps["accuracy"].iloc[0] - by_steps["accuracy"].iloc[-1] >= 0.08
    levels = rows(tables["population"], dataset=dataset, variable="num_steps", method=method, train_on="easy")
    easy, hard = (row(rows(levels, train_dataset=dataset), test_on=level)["accuracy"] for level in ("easy", "hard"))
    assert easy - hard >= 0.10


@pytest.mark.parametrize("dataset", MC)
def test_probe_mdl_knows_the_true_difficulty(tables: dict[str, pd.DataFrame], dataset: str) -> None:
    correlations = tables[f"correlations_{dataset}"]
    assert row(correlations, variable_a="mdl_probe", variable_b="num_steps")["rho"] >= 0.4
    zero_shot = row(correlations, variable_a="mdl_zero_shot", variable_b="num_steps")
    assert zero_shot["low"] <= zero_shot["rho"] <= zero_shot["high"]
    # Surface features say nothing about it: they are drawn apart.
    surface = row(correlations, variable_a="num_steps", variable_b="question_num_words")
    assert abs(surface["rho"]) < 0.1


def test_all_methods_have_their_rows(tables: dict[str, pd.DataFrame]) -> None:
    conditions = {tuple(found) for found in tables["population"][["dataset", "method", "train_on"]].to_numpy()}
    for method, dataset in (("icl", "dial"), ("probe", "dial"), ("lora", "dial"), ("icl_cot", "road_written")):
        for level in ("easy", "medium", "hard"):
            assert (dataset, method, level) in conditions
    assert rows(tables["population"], method="icl_cot")["cot"].all()
    assert set(tables["all_to_all"]["method"]) == {"zero_shot", "icl", "probe"}
    expected = {"easy": 80, "medium": 80, "hard": 80, "all": 240}
    for level, count in expected.items():
        assert set(rows(tables["population"], dataset="dial", test_on=level)["n_test"]) == {count}
    assert set(rows(tables["population"], method="icl")["boots"]) == {5}


def test_every_interval_holds_its_point(tables: dict[str, pd.DataFrame]) -> None:
    for name in ("population", "all_to_all", "accuracy_by_hardness"):
        table = tables[name]
        assert (table["low"] <= table["accuracy"]).all()
        assert (table["accuracy"] <= table["high"]).all()
        assert table["accuracy"].between(0, 1).all()


def test_sgr_is_the_ratio_of_its_row_or_says_that_it_is_undefined(tables: dict[str, pd.DataFrame]) -> None:
    sgr = tables["sgr"]
    assert set(sgr["test_on"]) == {"hard"}
    defined = sgr[sgr["status"] == "defined"]
    assert {"probe", "lora"} <= set(defined["method"])
    for found in defined.to_dict("records"):
        ratio = (found["easy"] - found["unsupervised"]) / (found["hard"] - found["unsupervised"])
        assert found["sgr"] == pytest.approx(ratio, rel=1e-4)  # six decimals in CSV
        assert found["sgr_low"] <= found["sgr"] <= found["sgr_high"]
    open_ended = sgr["status"].isin(["undefined", "unbounded"])
    assert sgr.loc[open_ended, ["sgr", "sgr_low", "sgr_high"]].isna().all(axis=None)
    assert set(sgr["as_good"]) <= {"yes", "no", "cannot tell"}
    assert set(sgr["margin"]) == {0.1}
    # The demo's model measured its own bits, which no row of this study is cut by.
    assert sgr["circular"].isna().all()


def test_a_row_can_be_traced_to_items_prompts_and_versions(demo, tables: dict[str, pd.DataFrame]) -> None:  # type: ignore[no-untyped-def]
    found = row(
        rows(tables["population"], dataset="dial", variable="num_steps", method="icl", test_on="hard"),
        train_on="easy",
        train_dataset="dial",
    )
    grades = read(demo.folder / found["source"], GRADES)
    answers = demo.folder / "results/predictions/icl/demo/dial.parquet"
    predictions = read(answers, PREDICTIONS)
    items = read(demo.folder / "results/items/dial.parquet", ITEMS).set_index("item_id")
    splits = read(demo.folder / "results/splits/dial/num_steps.parquet", SPLITS)
    hardness = read(demo.folder / "results/hardness/dial.parquet", HARDNESS)
    hard = set(hardness[(hardness["variable"] == "num_steps") & (hardness["level"] == "hard")]["item_id"])
    own = grades[
        (grades["experiment"] == "population")
        & (grades["variable"] == "num_steps")
        & (grades["train_on"] == "easy")
        & (grades["train_dataset"] == "dial")
        & grades["item_id"].isin(hard)
    ]
    assert own.groupby("boot")["correct"].mean().mean() == pytest.approx(found["accuracy"], abs=1e-6)
    assert (items.loc[sorted(set(own["item_id"])), "num_steps"] >= 6).all()
    trained = splits[(splits["role"] == "train") & (splits["train_on"] == "easy") & (splits["boot"] == 0)]
    assert (items.loc[trained["item_id"], "num_steps"] <= 2).all()
    # Rows are those of the predictions, whose best choice is the one that is right or wrong.
    best = [items.loc[row.item_id, "choices"][row.scores.argmax()] for row in predictions.loc[own.index].itertuples()]
    assert own["parsed"].tolist() == best
    assert (own["correct"] == (items.loc[own["item_id"], "answer_text"].to_numpy() == best)).all()
    made, answered = made_by(demo.folder / found["source"]), made_by(answers)
    share = answered["settings"]["slices"]["population/num_steps"]
    graded = made["settings"]["slices"]["population/num_steps"]
    assert graded["upstream"]["predictions/icl/demo/dial.parquet"] == {"population/num_steps": share["id"]}
    assert share["settings"]["datasets"]["dial"]["prompt"]["template"] == "0040"
    assert set(made["versions"][f"population/{found['variable']}"]) >= {"torch", "transformers", "uphill"}
    provenance = json.loads((demo.folder / "results/tables/population.provenance.json").read_text())
    assert provenance["sources"][found["source"]]["id"] == made["id"]


def test_noise_spoils_training_and_more_examples_do_not(tables: dict[str, pd.DataFrame]) -> None:
    noisy = rows(tables["noisy_labels"], method="probe", train_on="easy")
    assert sorted(noisy["noise_p"]) == pytest.approx([0, 0.1, 0.2, 0.3, 0.5])
    hard = rows(tables["noisy_labels"], method="probe", train_on="hard")
    assert sorted(hard["noise_p"]) == pytest.approx([0, 0.2, 0.4, 0.6, 1.0])
    assert sorted(hard["easy_noise_p"]) == sorted(noisy["easy_noise_p"])
    # All labels of hard data are drawn at random: what the probe learns is worth less than without noise.
    spoiled, clean = (row(hard, easy_noise_p=noise_p)["accuracy"] for noise_p in (0.5, 0.0))
    assert clean - spoiled >= 0.10
    curve = rows(tables["learning_curves"], method="probe", train_on="hard").set_index("n_train")["accuracy"]
    assert curve.index.tolist() == [10, 20, 40, 80, 160]
    assert curve[160] > curve[10]


def test_bins_trained_on_by_bins_tested_are_a_whole_grid(tables: dict[str, pd.DataFrame]) -> None:
    """Of bins that are alike, each of as many items; the hardest are the worst answered, whatever was trained on."""
    bins = [f"bin_0{number}" for number in range(1, 6)]
    grid = rows(tables["cross_difficulty"], method="probe")
    assert sorted(zip(grid["train_on"], grid["test_on"], strict=True)) == [(a, b) for a in bins for b in bins]
    assert set(grid["n_test"]) == {120}
    assert set(grid["boots"]) == {5}
    assert (grid["low"] <= grid["accuracy"]).all()
    for _, trained in grid.groupby("train_on"):
        accuracy = trained.set_index("test_on")["accuracy"]
        assert accuracy["bin_01"] - accuracy["bin_05"] >= 0.15
    assert (grid["gain"] > 0.1).all()


def test_a_small_model_teaches_the_large_one_more_than_it_knows(tables: dict[str, pd.DataFrame]) -> None:
    """PGR against the accuracies of its own row, of hard and of soft labels; the gap is there on all items together."""
    taught = tables["weak_to_strong"]
    assert set(zip(taught["weak"], taught["strong"], strict=True)) == {("demo_106k", "demo")}
    assert set(taught["soft"]) == {False, True}
    told = rows(taught, test_on="all")
    assert len(told) == 2 * 5
    gap = told["ceiling_accuracy"] - told["weak_accuracy"]
    assert (gap > 0.1).all()
    assert set(told["status"]) == {"defined"}
    assert told["pgr"].to_list() == pytest.approx(
        ((told["student_accuracy"] - told["weak_accuracy"]) / gap).to_list(), rel=1e-3
    )
    assert (told["student_accuracy"] > told["weak_accuracy"]).all()


def test_a_ladder_is_climbed_in_the_order_of_the_config_and_tested_on_one_band(
    tables: dict[str, pd.DataFrame],
) -> None:
    ladder = tables["road_to_dial"]
    taught = ladder[ladder["train_on"] != "none"]
    assert taught["train_on"].tolist() == ["road_1_step", "road_3_steps", "dial_1_step", "dial_5_steps"]
    assert set(ladder["test_on"]) == {"test"}
    assert ladder["n_test"].nunique() == 1
    assert (taught["gain_low"] > 0).all()


def test_tables_come_as_a_paper_prints_them(demo, tables: dict[str, pd.DataFrame]) -> None:  # type: ignore[no-untyped-def]
    folder = demo.folder / "results/tables/wide"
    expected = {"population", "sgr", "comparisons", "all_to_all", "learning_curves", "noisy_labels", "road_to_dial"}
    expected |= {"learning_curves_sgr", "cross_difficulty", "cross_difficulty_sgr", "weak_to_strong"}
    assert {path.stem for path in folder.glob("*.csv")} == {path.stem for path in folder.glob("*.tex")} == expected
    wide = pd.read_csv(folder / "population.csv").set_index(["dataset", "variable", "method", "train_dataset"])
    easy = rows(tables["population"], dataset="dial", variable="num_steps", method="probe", test_on="hard")
    easy = row(easy, train_on="easy", train_dataset="dial")
    shown = wide.loc[("dial", "num_steps", "probe", "dial"), "Easy"]
    assert shown == f"{100 * easy['accuracy']:.1f} [{100 * easy['low']:.1f}, {100 * easy['high']:.1f}]"


def test_shards_hold_two_layers_of_every_choice(demo) -> None:  # type: ignore[no-untyped-def]
    shard = pq.read_table(demo.folder / "results/responses/demo/dial/shard-0-of-1.parquet")
    assert shard.num_rows == 2000 * 4
    assert shard.schema.field("state").type.list_size == 2 * 160
    assert str(shard.schema.field("state").type.value_type) == "halffloat"


class _Page(HTMLParser):
    """What a page loads from outside, its images and its named places."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.images = 0
        self.places: list[str] = []
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "srcset", "data", "action") and value and not value.startswith(("data:", "#")):
                self.outside.append(value)
            if name == "href" and value and value.startswith("#"):
                self.targets.append(value[1:])
            if name == "id" and value:
                self.places.append(value)
        self.images += tag == "img"


def test_report_is_one_self_contained_page_of_every_table_and_figure(demo, tables: dict[str, pd.DataFrame]) -> None:  # type: ignore[no-untyped-def]
    text = (demo.folder / "results/report.html").read_text()
    page = _Page(text)
    figures = {path.stem for path in (demo.folder / "results/figures").glob("*.png")}
    # Links to the files of its tables and figures, which are there; no picture, script or style from outside.
    beside = [f"figures/{name}.pdf" for name in figures] + [f"tables/{name}.csv" for name in tables]
    assert sorted(page.outside) == sorted(beside)
    assert all((demo.folder / "results" / link).is_file() for link in beside)
    assert "@import" not in text
    assert "url(" not in text
    assert text.count("<script") == text.count("<script>") == 1
    assert '<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;;' in text
    assert page.images == len(figures)
    assert {f"figure-{name}" for name in figures} | {f"table-{name}" for name in tables} <= set(page.places)
    assert sorted(page.places) == sorted(set(page.places))
    assert set(page.targets) <= set(page.places)
    for shown in ("Supervision Gap Recovered", "easy_max", "transformers", "Rank correlations", "road_written"):
        assert shown in text


def test_report_says_what_the_study_has_spent(demo) -> None:  # type: ignore[no-untyped-def]
    text = (demo.folder / "results/report.html").read_text()
    spent = text[text.index("<!-- spent") : text.index("<!-- /spent")]
    # The model was read, wrote reasoning and was fitted.
    for what in ("read", "generated", "trained", "cores", "predictions"):
        assert what in spent


def test_figures_come_in_both_formats(demo) -> None:  # type: ignore[no-untyped-def]
    names = {path.stem for path in (demo.folder / "results/figures").glob("*.p*") if path.suffix in (".pdf", ".png")}
    published = {"population", "population_all", "train_levels", "sgr", "hardness", "correlations_dial"}
    published |= {"all_to_all_by_hardness", "learning_curves", "noisy_labels", "road_to_dial"}
    assert published | {"accuracy_by_hardness", "cross_difficulty", "weak_to_strong"} <= names
    for name in names:
        assert (demo.folder / f"results/figures/{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (demo.folder / f"results/figures/{name}.png").read_bytes().startswith(b"\x89PNG")
