"""Many problems in one tensor program beside a loop over them, and closed forms beside the matrices they avoid."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks import peers
from helpers import critics
from helpers.adversarial import attacks
from helpers.information import estimators
from helpers.optimise import manifolds, riemannian, sharpness
from helpers.papers.alpha_cl import linear_networks
from helpers.papers.multimodal_svd import spiked_model

DEPTH, STEPS, RESTARTS = 3, 50, 256


def restarts(size):
    """Gradient ascent on a depth-3 linear network from 256 starts: label to a call, and the largest disagreement."""
    rng = np.random.default_rng(0)
    starts = manifolds.random_weights((size,) * (DEPTH + 1), RESTARTS, rng)
    root = torch.as_tensor(rng.standard_normal((size, size)))
    covariance = root @ root.T / size
    kinds = manifolds.kinds("layer", DEPTH)

    def together():
        weights = [weight.clone() for weight in starts]
        for _ in range(STEPS):
            _, slopes = linear_networks.value_and_gradient(weights, covariance)
            weights = manifolds.normalise([w + 0.1 * g for w, g in zip(weights, slopes, strict=True)], kinds)
        return weights

    def one_by_one():
        results = []
        for index in range(RESTARTS):
            weights = [weight[index].clone().requires_grad_() for weight in starts]
            for _ in range(STEPS):
                value = linear_networks.energy(weights, covariance)
                slopes = torch.autograd.grad(value, weights)
                with torch.no_grad():
                    moved = [w + 0.1 * g for w, g in zip(weights, slopes, strict=True)]
                    weights = [(w / w.norm()).requires_grad_() for w in moved]
            results.append([weight.detach() for weight in weights])
        return [torch.stack(column) for column in zip(*results, strict=True)]

    return {"ours, batched": together, "torch loop over restarts": one_by_one}


def hessians():
    """Hessian spectra of 64 problems of 96 parameters (six 4 x 4 layers)."""
    rng = np.random.default_rng(0)
    starts = manifolds.random_weights((4,) * 7, 64, rng)
    covariance = torch.diag(torch.tensor([2.0, 1.5, 1.0, 0.5], dtype=torch.float64))

    def energy(weights):
        return linear_networks.energy(weights, covariance)

    def loop():
        results = []
        for index in range(64):
            flat = manifolds.join([weight[index : index + 1] for weight in starts])[0]
            shapes = [tuple(weight.shape[1:]) for weight in starts]
            kinds = manifolds.kinds("layer", len(starts))

            def single(point, shapes=shapes, kinds=kinds):
                return energy(manifolds.normalise(manifolds.split(point[None], shapes), kinds))[0]

            hessian = torch.autograd.functional.hessian(single, flat)
            basis = manifolds.tangent_basis([weight[index : index + 1] for weight in starts], kinds)[0]
            results.append(torch.linalg.eigvalsh(basis.mT @ hessian @ basis))
        return torch.stack(results)

    return {
        "ours, torch.func over seeds": lambda: riemannian.hessian_eigenvalues(energy, starts),
        "torch.autograd.functional loop": loop,
    }


def attack_restarts(count=32):
    """PGD, ten steps, on an MLP with a batch of 64: restarts folded into the batch against a loop over them."""
    model, images, labels = _classifier(64, convolutional=False)
    generator = torch.Generator().manual_seed(0)
    starts = attacks.random_points(images, 0.1, norm=np.inf, count=count, generator=generator)
    options = {"radius": 0.1, "norm": np.inf, "step_sizes": [0.025] * 10}

    def loss(points):
        return _losses(model, points, labels)

    return {
        "ours, folded": lambda: attacks.pgd(loss, images, starts, **options),
        "ours, loop over restarts": lambda: [attacks.pgd(loss, images, start[None], **options) for start in starts],
    }


def single_attack():
    """PGD, ten steps, one start, on a CNN with a batch of 128 images of 3 x 32 x 32."""
    model, images, labels = _classifier(128, convolutional=True)

    def ours():
        start = images[None]
        return attacks.pgd(
            lambda points: _losses(model, points, labels),
            images,
            start,
            radius=8 / 255,
            norm=np.inf,
            step_sizes=[2 / 255] * 10,
            low=0.0,
            high=1.0,
        )

    def torchattacks():
        attack = peers.module("torchattacks").PGD(model, eps=8 / 255, alpha=2 / 255, steps=10, random_start=False)
        return lambda: attack(images.view(-1, 3, 32, 32), labels)

    def foolbox():
        library = peers.module("foolbox")
        wrapped = library.PyTorchModel(model, bounds=(0, 1))
        attack = library.attacks.LinfPGD(abs_stepsize=2 / 255, steps=10, random_start=False)
        return lambda: attack(wrapped, images.view(-1, 3, 32, 32), labels, epsilons=8 / 255)

    found, absent = peers.available({"torchattacks": torchattacks, "foolbox": foolbox})
    return {"ours": ours} | found, absent


def sharpness_step():
    """One step of sharpness-aware minimisation on an MLP, 256 pairs."""
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(256, 64, generator=generator)
    labels = torch.randint(10, (256,), generator=generator)
    plain = torch.optim.SGD(model.parameters(), lr=1e-3)

    def objective():
        return functional.cross_entropy(model(data), labels)

    def ours():
        parameters = list(model.parameters())
        slopes = sharpness.gradient_at_worst_neighbour(objective, parameters, 0.05, adaptive=False)
        for parameter, slope in zip(parameters, slopes, strict=True):
            parameter.grad = slope
        plain.step()

    def pytorch_optimizer():
        optimiser = peers.module("pytorch_optimizer").SAM(model.parameters(), torch.optim.SGD, rho=0.05, lr=1e-3)

        def run():
            objective().backward()
            optimiser.first_step(zero_grad=True)
            objective().backward()
            optimiser.second_step(zero_grad=True)

        return run

    found, absent = peers.available({"pytorch-optimizer": pytorch_optimizer})
    return {"ours": ours} | found, absent


def bounds_over_batch_sizes(samples=512):
    """InfoNCE read at every K = 2 .. 512 from one set of scores."""
    scores = torch.randn(samples, samples, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def loop():
        ahead = (torch.arange(samples)[:, None] + torch.arange(samples)) % samples
        rolled = scores.gather(1, ahead)
        return torch.stack(
            [np.log(k) - (rolled[:, :k].logsumexp(1) - rolled[:, 0]).mean() for k in range(1, samples + 1)]
        )

    return {"ours, one pass": lambda: estimators.sweep(scores), "loop over K": loop}


def bounds_over_powers(samples=4096):
    """InfoNCE at K = 2, 4 .. 512 from one sample of Gaussian pairs, the optimal critic's evaluations included."""
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(samples, 5, dtype=torch.float64, generator=generator)
    second = 0.8 * first + 0.6 * torch.randn(samples, 5, dtype=torch.float64, generator=generator)
    critic, counts = critics.gaussian_critic(0.8), [2**power for power in range(1, 10)]

    def loop():
        values = []
        for count in counts:
            batches = zip(first.split(count), second.split(count), strict=True)
            scores = [critic(x, y) for x, y in batches]
            values.append(np.mean([np.log(count) - (s.logsumexp(1) - s.diagonal()).mean() for s in scores]))
        return values

    def ours():
        return [estimate.value for estimate in estimators.block_sweep(critic, first, second, counts)]

    return {"ours, continued sums": ours, "loop over K and batches": loop}


def cross_covariance(n=4096, dimension=128):
    """What the linear contrastive loss sees: centred product against the n by n weights."""
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((n, dimension)), rng.standard_normal((n, dimension))

    def weights():
        matrix = np.full((n, n), -1 / (n * (n - 1)))
        np.fill_diagonal(matrix, 1 / n)
        return left.T @ matrix @ right

    return {
        "ours, closed form": lambda: spiked_model.contrastive_cross_covariance(left, right),
        "n x n weights": weights,
    }


def _losses(model, points, labels):
    """Cross-entropy of each point, shape as the leading axes of `points`, (..., batch, d)."""
    flat = points.reshape(-1, *model.shape)
    each = functional.cross_entropy(model(flat), labels.repeat(len(flat) // len(labels)), reduction="none")
    return each.view(points.shape[:-1])


def _classifier(batch, *, convolutional):
    torch.manual_seed(0)
    if convolutional:
        layers = [nn.Conv2d(3, 16, 3, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(), nn.Flatten()]
        model, shape = nn.Sequential(*layers, nn.Linear(32 * 49, 10)), (3, 32, 32)
    else:
        model, shape = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)), (64,)
    model.shape = shape
    return model.eval().requires_grad_(False), torch.rand(batch, int(np.prod(shape))), torch.randint(10, (batch,))
