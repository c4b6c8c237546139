"""The questions of a study answered in words, from rows of its tables."""

from typing import Any

import pandas as pd
import pytest

from uphill.report.questions import Case, Question, questions

SAME = {"model": "m", "dataset": "d", "variable": "v", "method": "icl", "n_train": 8, "circular": ""}


def number(name: str, value: float) -> dict[str, float]:
    return {name: value, f"{name}_low": value - 0.01, f"{name}_high": value + 0.02}


def reconciled(level: str, as_good: str, not_carried: str, **more: Any) -> dict[str, Any]:
    said = {"train_on": level, "against": "hard" if as_good else "", "as_good": as_good, "not_carried": not_carried}
    return {**SAME, "experiment": "population", **said, **number("short", 0.012), **number("gain", -0.034), **more}


def asked(**tables: list[dict[str, Any]]) -> dict[str, Question]:
    found = questions({name: pd.DataFrame(rows) for name, rows in tables.items()})
    return {f"{one.table}: {one.text.split()[0]}": one for one in found}


def test_both_readings_are_of_the_easiest_level_alone() -> None:
    rows = [reconciled("easy", "yes", "no"), reconciled("medium", "no", "yes"), reconciled("hard", "", "")]
    found = asked(reconcile=rows)
    good, carried = found["reconcile: Is"], found["reconcile: Does"]
    where = "d by v, icl with m, 8 items, population"
    assert good.cases == [Case(where, "yes", "hard - easy +1.2 points [+0.2, +3.2]")]
    assert carried.cases == [Case(where, "no", "easy - none -3.4 points [-4.4, -1.4]")]
    assert (good.answer, carried.answer, good.count) == ("yes", "no", "yes in 1 of 1")


@pytest.mark.parametrize(
    ("answers", "answer", "count"),
    [
        (("yes", "yes", "cannot tell"), "yes", "yes in 2, cannot tell in 1 of 3"),
        (("yes", "no"), "it depends", "yes in 1, no in 1 of 2"),
        (("cannot tell",), "cannot tell", "cannot tell in 1 of 1"),
    ],
)
def test_cases_that_tell_decide_if_they_agree(answers: tuple[str, ...], answer: str, count: str) -> None:
    found = Question("", "", [Case("", one, "") for one in answers])
    assert (found.answer, found.count) == (answer, count)


def test_a_study_without_that_row_is_answered_by_its_table_of_sgr() -> None:
    row = {**SAME, "train_dataset": "e", "as_good": "cannot tell", **number("hard_easy", 0.0)}
    [one] = asked(sgr=[row]).values()
    assert one.cases == [
        Case("d by v, icl with m, 8 items, easy data of e", "cannot tell", "hard - easy +0.0 points [-1.0, +2.0]")
    ]
    assert asked(sgr=[]) == {}


def gap(width: int, as_good: str, statistic: str = "width") -> dict[str, Any]:
    made = {**SAME, "experiment": "population", "statistic": statistic, "width": width, "as_good": as_good}
    return made | number("short", width / 100)


@pytest.mark.parametrize(
    ("said", "answer", "at"),
    [
        (("yes", "no", "no"), "yes", "2 levels apart, own - easier +2.0"),
        (("yes", "yes", "yes"), "no", "3 levels apart, own - easier +3.0"),
        (("yes", "cannot tell", "yes"), "cannot tell", "3 levels apart"),
        (("no", "no", "no"), "yes", "1 level apart, own - easier +1.0"),
    ],
)
def test_the_first_width_that_is_not_enough_is_named(said: tuple[str, ...], answer: str, at: str) -> None:
    rows = [gap(width, one) for width, one in enumerate(said, 1)][::-1]
    rows += [gap(-1, "no"), gap(0, ""), gap(1, "no", "cell")]
    [case] = asked(gap=rows)["gap: Is"].cases
    assert case.answer == answer
    assert case.number.startswith(at)


@pytest.mark.parametrize(
    ("slope", "fades", "short"), [(-0.03, "yes", "no"), (0.03, "no", "yes"), (0.0, "cannot tell", "cannot tell")]
)
def test_trends_say_whether_a_gain_fades_and_whether_the_window_matters(slope: float, fades: str, short: str) -> None:
    names = (
        "trend by width, trained on easier",
        "trend of what is short by position",
        "trend by width, trained on harder",
    )
    rows = [gap(1, "yes") | {"statistic": name, **number("slope", slope)} for name in names]
    found = {one.text.split()[2]: one for one in questions({"gap": pd.DataFrame(rows)}) if one.cases}
    assert [found[name].answer for name in ("gain", "data")] == [fades, short]
    assert found["data"].cases[0].number.startswith(f"own - easier, a level up {100 * slope:+.1f} points [")


@pytest.mark.parametrize(("large", "said"), [(0.08, "yes"), (-0.06, "no"), (0.02, "cannot tell")])
def test_a_budget_moves_the_answer_where_intervals_part(large: float, said: str) -> None:
    rows = [
        reconciled("easy", "no", "no", n_train=size, **number("short", short))
        for size, short in ((64, large), (8, 0.012), (16, 0.5))
    ]
    one_budget = reconciled("easy", "no", "no", method="probe")
    found = {
        one.text.split()[1]: one for one in questions({"reconcile": pd.DataFrame([*rows, one_budget])}) if one.cases
    }
    [case] = found["hard"].cases
    assert (case.answer, case.where) == (said, "d by v, icl with m, 64 items, population")
    assert case.number.startswith("hard - easy, 8 items +1.2 points [+0.2, +3.2], 64 ")


def test_scales_agree_where_the_interval_is_above_nothing() -> None:
    pairs = [("a", "b", 0.3), ("a", "c", -0.3), ("b", "c", 0.005)]
    rows = [{"dataset": "d", "variable_a": a, "variable_b": b, **number("rho", rho)} for a, b, rho in pairs]
    cases = asked(scales=rows)["scales: Do"].cases
    assert [case.answer for case in cases] == ["yes", "no", "cannot tell"]
    assert (cases[0].where, cases[0].number) == ("d, a and b", "Spearman +0.30 [+0.29, +0.32]")


def test_dependence_on_the_scale_names_the_pair_and_the_way() -> None:
    row = {**SAME, "variable_a": "a", "variable_b": "b", "depends": "yes", **number("difference", -0.31)}
    [case] = asked(scale_sgr=[row])["scale_sgr: Does"].cases
    assert case == Case("d, a and b, icl with m, 8 items", "yes", "difference -31.0 points [-32.0, -29.0]")
