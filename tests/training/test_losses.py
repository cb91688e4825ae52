"""Losses: golden values, gradients, and what minimises them."""

import math

import numpy as np
import pytest

from calibrant.dialogue.scales import SCALES
from calibrant.errors import UnusableInput
from calibrant.training.losses.binned import binned, targets
from calibrant.training.losses.kept import kept
from calibrant.training.losses.language import language
from calibrant.training.losses.outside import outside
from calibrant.training.losses.spread import spread
from calibrant.training.losses.tokenized_brier import soft_targets, tokenized_brier
from calibrant.training.regimes import Held, regime

torch = pytest.importorskip("torch", reason="losses are tried where torch is: make train-test")
IDS = torch.tensor([2, 5, 7])
VALUES = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)


def logits(*rows: list[float]) -> "torch.Tensor":
    """Of a vocabulary of nine, of which three are confidence tokens."""
    made = torch.full((len(rows), 9), 3.0, dtype=torch.float64)
    made[:, IDS] = torch.tensor(rows, dtype=torch.float64).log()
    return made


def test_tokenized_brier_by_hand() -> None:
    # q = .2 .3 .5; of a right answer .2 x 1 + .3 x .25 + .5 x 0, of a wrong one .3 x .25 + .5
    found = tokenized_brier(
        logits([0.2, 0.3, 0.5]).repeat(3, 1), torch.tensor([1.0, 0.0, 0.25]).double(), IDS, VALUES
    )
    assert found.tolist() == pytest.approx([0.275, 0.575, 0.25 * 0.275 + 0.75 * 0.575])


def test_soft_targets_by_hand() -> None:
    # v (2 - v) = 0, .75, 1 of sum 1.75; (1 - v)(1 + v) = 1, .75, 0. Outside the set: six tokens of logit 3.
    row = torch.tensor([0.2, 0.3, 0.5]).double()
    log_q = row.log() - math.log(1 + 6 * math.exp(3))
    right = -(0.75 / 1.75 * log_q[1] + 1 / 1.75 * log_q[2])
    wrong = -(1 / 1.75 * log_q[0] + 0.75 / 1.75 * log_q[1])
    found = soft_targets(logits([0.2, 0.3, 0.5]).repeat(2, 1), torch.tensor([1.0, 0.0]).double(), IDS, VALUES)
    assert found.tolist() == pytest.approx([float(right), float(wrong)])


@pytest.mark.parametrize("loss", [tokenized_brier, soft_targets])
def test_gradients_are_those_of_finite_differences(loss: object) -> None:
    torch.manual_seed(0)
    z = torch.randn(4, 9, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([1.0, 0.0, 1.0, 0.3]).double()
    assert torch.autograd.gradcheck(lambda one: loss(one, y, IDS, VALUES), (z,))  # type: ignore[operator]
    assert torch.autograd.gradcheck(lambda one: outside(one, IDS), (z,))
    assert torch.autograd.gradcheck(lambda one: spread(one, IDS), (z,))


def minimised(loss: object, rate: float, steps: int = 400) -> "torch.Tensor":
    """The shares of the confidence tokens that are best where answers are right at this rate."""
    scale = SCALES["digits"]
    ids, values = torch.arange(10), torch.tensor(scale.values, dtype=torch.float64)
    z = torch.zeros(1, 12, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=0.3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(z, torch.tensor([rate]).double(), ids, values).sum().backward()  # type: ignore[operator]
        optimizer.step()
    return z.detach()


@pytest.mark.parametrize("rate", [0.0, 0.31, 0.7, 1.0])
def test_all_mass_on_the_value_nearest_to_the_rate_is_best(rate: float) -> None:
    q = minimised(tokenized_brier, rate)[0, :10].softmax(-1)
    assert int(q.argmax()) == round(9 * rate) and float(q.max()) > 0.95


@pytest.mark.parametrize("rate", [0.0, 0.31, 1.0])
def test_soft_targets_are_least_at_the_mixture(rate: float) -> None:
    v = np.linspace(0, 1, 10)
    right, wrong = v * (2 - v), (1 - v) * (1 + v)
    mixture = rate * right / right.sum() + (1 - rate) * wrong / wrong.sum()
    q = minimised(soft_targets, rate)[0].softmax(-1)
    assert q[:10].numpy() == pytest.approx(mixture, abs=2e-3)


def test_the_mass_outside_moves_no_minimum() -> None:
    def both(z: "torch.Tensor", y: "torch.Tensor", ids: "torch.Tensor", v: "torch.Tensor") -> "torch.Tensor":
        return tokenized_brier(z, y, ids, v) + 0.1 * outside(z, ids)

    z = minimised(both, 0.7)[0]
    assert int(z[:10].argmax()) == 6 and float(z.softmax(-1)[:10].sum()) > 0.95
    assert float(outside(torch.zeros(1, 12), torch.arange(3))) == pytest.approx(math.log(4))


@pytest.mark.parametrize("rate", [0.0, 0.31, 0.7, 1.0])
def test_held_wide_the_shares_are_a_bump_about_the_rate(rate: float) -> None:
    def wide(z: "torch.Tensor", y: "torch.Tensor", ids: "torch.Tensor", v: "torch.Tensor") -> "torch.Tensor":
        return tokenized_brier(z, y, ids, v) - 0.02 * spread(z, ids)

    q, v = minimised(wide, rate)[0, :10].softmax(-1).numpy(), np.linspace(0, 1, 10)
    bump = np.exp(-((v - rate) ** 2) / 0.02)
    assert q == pytest.approx(bump / bump.sum(), abs=2e-3)
    assert abs(q @ v - rate) < (0.01 if 0 < rate < 1 else 0.06)


def test_the_spread_is_the_entropy() -> None:
    by_hand = -(0.2 * math.log(0.2) + 0.3 * math.log(0.3) + 0.5 * math.log(0.5))
    assert spread(logits([0.2, 0.3, 0.5], [1.0, 1.0, 1.0]), IDS).tolist() == pytest.approx(
        [by_hand, math.log(3)]
    )


def test_where_one_token_has_all_nothing_is_learnt_of_an_answer_and_of_a_bump_much() -> None:
    values, ids = torch.linspace(0, 1, 10, dtype=torch.float64), torch.arange(10)
    found = []
    for z in (torch.tensor([0.0] * 4 + [14.0] + [0.0] * 5).double(), -((values - 0.45) ** 2) / 0.02):
        z = z.clone()[None].requires_grad_()
        tokenized_brier(z, torch.ones(1).double(), ids, values).sum().backward()
        found.append(float(z.grad.norm()))
    assert found[0] < 1e-4 and found[1] > 0.03


def test_language_counts_what_is_to_count() -> None:
    torch.manual_seed(0)
    z, tokens = torch.randn(2, 4, 9), torch.randint(9, (2, 4))
    counted = torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0]]).bool()
    labels = torch.where(counted, tokens, -100)
    wanted = torch.nn.functional.cross_entropy(z[0, :-1], labels[0, 1:])
    found = language(z, tokens, counted)
    assert float(found[0]) == pytest.approx(float(wanted), rel=1e-6) and float(found[1]) == 0.0
    everywhere = language(z, tokens, torch.ones_like(counted))
    assert float(everywhere[1]) == pytest.approx(
        float(torch.nn.functional.cross_entropy(z[1, :-1], tokens[1, 1:])), rel=1e-6
    )


def test_targets_by_hand_and_of_any_number_of_options() -> None:
    p = np.array([[0.6, 0.3, 0.1, 0.0]] * 3 + [[0.05, 0.05, 0.85, 0.05]])
    made = targets(p, np.array([1.0, 0.0, 1.0, 0.0]))
    gamma = math.log(3) / (0.3 / 3)
    shape = np.tanh(gamma * p[0, 1:]) + 1
    assert made.probability[0] == pytest.approx([2 / 3, *(shape / shape.sum() / 3)])
    assert made.probability[3] == pytest.approx(
        [1 / 3, 1 / 3, 0.0, 1 / 3]
    )  # never right there: no probability
    assert made.weight == pytest.approx([4 / 3, 4 / 3, 4 / 3, 4.0])
    assert targets(p[:, :2], np.ones(4)).probability == pytest.approx(
        np.array([[1.0, 0.0]] * 3 + [[1.0, 0.0]])
    )
    with pytest.raises(UnusableInput, match="two options or more"):
        targets(p[:, :1], np.ones(4))


def test_the_binned_loss_is_the_sum_over_bins_and_the_same_in_parts() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1, 1], 200)
    right = (rng.random(200) < 0.5) * 1.0
    made = targets(p, right)
    where = np.floor(p.max(axis=1) * 10).astype(int)
    distance = ((p - made.probability) ** 2).sum(axis=1)
    wanted = sum(distance[where == k].mean() for k in np.unique(where))
    z = torch.tensor(np.log(p))
    found = binned(z, torch.tensor(made.probability), torch.tensor(made.weight), torch.arange(4))
    assert float(found.mean()) == pytest.approx(wanted)
    parts = [
        binned(
            z[i : i + 1],
            *(torch.tensor(x[i : i + 1]) for x in (made.probability, made.weight)),
            torch.arange(4),
        )
        for i in range(200)
    ]
    assert float(sum(parts)) / 200 == pytest.approx(wanted)


def test_the_binned_loss_is_least_at_its_target_and_nothing_flows_through_that() -> None:
    rng = np.random.default_rng(1)
    p = rng.dirichlet([2, 1, 1, 1], 50)
    made = targets(p, (rng.random(50) < 0.6) * 1.0)
    goal, weight = torch.tensor(made.probability), torch.tensor(made.weight)
    first = float(binned(torch.tensor(np.log(p)), goal, weight, torch.arange(4)).mean())
    z = torch.tensor(np.log(p), requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        binned(z, goal, weight, torch.arange(4)).mean().backward()
        optimizer.step()
    assert z.detach().softmax(-1).numpy() == pytest.approx(made.probability, abs=0.02)
    assert float(binned(z.detach(), goal, weight, torch.arange(4)).mean()) < first / 500
    assert torch.autograd.gradcheck(
        lambda one: binned(one, goal, weight, torch.arange(4)), (torch.tensor(np.log(p), requires_grad=True),)
    )


def test_em_takes_an_overconfident_model_to_its_accuracy() -> None:
    """Items that cannot be told apart: the E-step, repeated, has confidence end at the rate of being right."""
    rng = np.random.default_rng(2)
    right = rng.random(400) < 0.55
    z = torch.tensor([[3.0, 0.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([z], lr=0.5)
    for _ in range(200):
        p = z.detach().softmax(-1).numpy()
        made = targets(p.repeat(400, 0), right * 1.0)
        optimizer.zero_grad()
        binned(
            z, torch.tensor(made.probability[:1]), torch.ones(1).double(), torch.arange(4)
        ).sum().backward()
        optimizer.step()
    assert float(z.detach().softmax(-1)[0, 0]) == pytest.approx(right.mean(), abs=1e-3)


def test_the_critical_accuracy_is_the_highest_that_stays_calibrated() -> None:
    def point(accuracy: float, ece: float) -> Held:
        return Held(accuracy=accuracy, ece=ece, floor=0.02)

    found = regime([point(0.5, 0.1), point(0.6, 0.02), point(0.65, 0.03)])
    assert (found.critical, found.side) == (0.65, "calibratable")
    assert regime([point(0.5, 0.1)]).critical is None
    assert regime([]).side == "not calibratable"


def test_what_is_kept_is_the_divergence_from_what_was_said() -> None:
    was, now = torch.tensor([0.5, 0.25, 0.25]).double(), torch.tensor([0.25, 0.5, 0.25]).double()
    rows = torch.stack([torch.stack([was, was, now]), torch.stack([now, was, was])]).log() + 2.0
    before = was.log().expand(2, 3, 3)
    counted = torch.tensor([[True, False, True], [False, True, False]])
    # 0 at the first place, .5 ln 2 - .25 ln 2 at the third; the second row counts one place, which is as it was
    assert kept(rows, before, counted).tolist() == pytest.approx([0.125 * math.log(2), 0.0])
    assert kept(rows, before, torch.zeros_like(counted)).tolist() == [0.0, 0.0]
    z = torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda one: kept(one, before, counted), (z,))
    kept(z, before, counted).sum().backward()
    assert z.grad is not None  # p - q of each counted place, over the places of its row
    wanted = (z.softmax(-1) - was) * counted[..., None] / counted.sum(-1)[:, None, None]
    assert z.grad.allclose(wanted.detach())
