"""Losses of weak-to-strong training against closed forms and against PyTorch's own gradient."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from uphill.engine.probe_recipe import ProbeRecipe
from uphill.engine.probes import Features, fit_probes
from uphill.engine.soft_losses import Confidence, Loss, cross_entropy, hardened, mixed, multiplied, share_at, target
from uphill.randomness import keyed_rng

LOSSES: tuple[Loss, ...] = ("xent", "logconf", "product")
ALL = Confidence()


def shares(seed: int, *shape: int) -> torch.Tensor:
    """Probabilities of choices, float64."""
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1]))


def test_cross_entropy_is_that_of_the_library_and_of_two_numbers_by_hand() -> None:
    student, weak = shares(0, 50, 4), shares(1, 50, 4)
    found = cross_entropy(student.log(), weak)
    expected = torch.nn.functional.cross_entropy(student.log(), weak, reduction="none")
    torch.testing.assert_close(found, expected)
    by_hand = -(0.25 * np.log(0.5) + 0.75 * np.log(0.5))
    pair = cross_entropy(torch.tensor([0.5, 0.5]).log(), torch.tensor([0.25, 0.75]))
    assert pair.item() == pytest.approx(by_hand)
    gone = cross_entropy(torch.tensor([1.0, 0.0]).log(), torch.tensor([1.0, 0.0]))
    assert gone.item() == 0  # a choice that does not exist


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_on_the_logits_is_what_the_student_says_less_its_target(loss: Loss) -> None:
    """The oracle is autograd of the cross-entropy against the target, held still, in float64."""
    logits = torch.from_numpy(np.random.default_rng(2).normal(size=(40, 3))).requires_grad_()
    weak, done = shares(3, 40, 3), 0.4
    student = logits.softmax(-1)
    aim = target(loss, student.detach(), weak, done)
    torch.testing.assert_close(aim.sum(-1), torch.ones(40, dtype=torch.float64))
    cross_entropy(logits.log_softmax(-1), aim).sum().backward()
    torch.testing.assert_close(logits.grad, student.detach() - aim)


def test_the_students_share_grows_in_a_line_and_stays() -> None:
    """The published release divided by nothing, and jumped from .05 to .5 at a tenth of the training."""
    trace = [share_at(step / 1000, ALL) for step in range(1001)]
    assert trace[0] == 0
    assert trace[100:] == [0.5] * 901
    assert max(b - a for a, b in itertools.pairwise(trace)) == pytest.approx(0.005)
    assert sorted(trace) == trace
    assert trace[50] == pytest.approx(0.25)
    assert share_at(0.0, Confidence(warmup=0)) == 0.5
    assert share_at(0.2, Confidence(most=0.75, warmup=0.4)) == pytest.approx(0.375)


@pytest.mark.parametrize("mean", [0.0, 0.2, 0.35, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("n", [1, 2, 10, 37])
def test_the_threshold_keeps_the_balance_of_classes(mean: float, n: int) -> None:
    """The oracle is the published rule: class 1 below the quantile of p(class 0) at the mean weak p(class 1)."""
    student = shares(n, n, 2)
    weak = torch.full((n, 2), 1 - mean, dtype=torch.float64)
    weak[:, 1] = mean
    found = hardened(student, weak)
    threshold = np.quantile(student[:, 0].numpy(), mean)
    np.testing.assert_array_equal(found[:, 1].numpy(), (student[:, 0].numpy() < threshold - 1e-12).astype(float))
    assert abs(found[:, 1].mean().item() - mean) <= 1 / n


def test_level_students_are_balanced_too() -> None:
    """A head that starts at zero says the same of all; the published threshold then makes one class of them."""
    weak = torch.tensor([[0.4, 0.6]]).repeat(20, 1)
    found = hardened(torch.full((20, 2), 0.5), weak)
    assert found[:, 1].sum() == np.ceil(0.6 * 19)
    assert found.sum(-1).eq(1).all()


def test_of_several_choices_the_likeliest_is_taken() -> None:
    student, weak = shares(4, 2, 30, 4), shares(5, 2, 30, 4)
    assert hardened(student, weak).argmax(-1).equal(student.argmax(-1))


def test_logconf_and_product_by_hand() -> None:
    student, weak = torch.tensor([[0.2, 0.8], [0.6, 0.4]]), torch.tensor([[0.7, 0.3], [0.3, 0.7]])
    # Half of the items are of the second choice: the first, to which the student gives it most.
    torch.testing.assert_close(mixed(student, weak, 0.5), torch.tensor([[0.35, 0.65], [0.65, 0.35]]))
    torch.testing.assert_close(mixed(student, weak, 0.0), weak)
    products = torch.tensor([[0.14, 0.24], [0.18, 0.28]])
    torch.testing.assert_close(multiplied(student, weak, ALL), products / products.sum(-1, keepdim=True))
    squared = torch.tensor([[0.04 * 0.7, 0.64 * 0.3], [0.36 * 0.3, 0.16 * 0.7]])
    found = multiplied(student, weak, Confidence(beta=2.0))
    torch.testing.assert_close(found, squared / squared.sum(-1, keepdim=True))
    sure = torch.tensor([[1.0, 0.0]])
    torch.testing.assert_close(multiplied(sure, sure.flip(-1), ALL), sure.flip(-1))  # nothing in common


def trained(features: Features, labels: Any, loss: Loss, recipe: ProbeRecipe) -> torch.Tensor:
    """A probe's weights."""
    return fit_probes(features, [np.arange(len(labels))], [labels], [("k",)], recipe, loss=loss).weight[0]


@pytest.mark.parametrize("width", [6, 400], ids=["by weights", "by products"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_probe_takes_each_loss_as_autograd_does(loss: Loss, width: int) -> None:
    """The oracle is the recipe spelled out in float64 with torch's own optimiser; float32 is near."""
    rng = np.random.default_rng(7)
    states = rng.normal(size=(30, 3, width)).astype(np.float32)
    labels, recipe = shares(8, 30, 3), ProbeRecipe(epochs=40, l2=0.1)
    start = trained(Features(states, np.ones((30, 3), bool)), labels.numpy(), loss, recipe)
    rows = torch.from_numpy(states).double()
    std = rows.flatten(0, 1).std(0)
    inputs = (rows - rows.flatten(0, 1).mean(0)) / std
    drawn = keyed_rng("probe", "k").uniform(-(width**-0.5), width**-0.5, width).astype(np.float32)
    weight = torch.from_numpy(drawn).double().requires_grad_()
    optimiser = torch.optim.SGD([weight], lr=1.0)
    for step in range(recipe.epochs):
        optimiser.param_groups[0]["lr"] = recipe.rate(step)
        logits = inputs @ weight
        aim = target(loss, logits.detach().softmax(-1), labels, step / recipe.epochs)
        total = cross_entropy(logits.log_softmax(-1), aim).mean() + recipe.l2 * weight.norm()
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_([weight], recipe.clip)
        optimiser.step()
    torch.testing.assert_close(start.double(), weight.detach(), atol=2e-4, rtol=0)


def test_losses_differ_and_hard_labels_are_soft_ones_that_are_sure() -> None:
    rng = np.random.default_rng(9)
    features = Features(rng.normal(size=(20, 4, 8)).astype(np.float32), np.ones((20, 4), bool))
    hard = rng.integers(0, 4, 20)
    found = {loss: trained(features, hard, loss, ProbeRecipe(l2=0)) for loss in LOSSES}
    assert torch.equal(found["xent"], trained(features, np.eye(4)[hard], "xent", ProbeRecipe(l2=0)))
    assert not torch.allclose(found["xent"], found["logconf"])
    # What is sure stays sure when it is multiplied.
    torch.testing.assert_close(found["xent"], found["product"])
