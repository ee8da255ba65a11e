"""Semi-supervised CLIP on class pairs (Nakada et al., Figure 3), digits and Fashion-MNIST, with and without the leak.

The paper encodes MNIST and Fashion-MNIST by autoencoders to 16 numbers; here 16 principal components of scikit-learn's
digits and of Fashion-MNIST take their place. The heads, the loss and the schedule are those of the released code: CLIP
with cosine similarity at temperature 1 on n class pairs, then on N further items with guessed pairs, the guesses made
by an anchor model that is replaced whenever validation accuracy has grown by a factor of 1.1.
"""

import copy

import numpy as np
import torch

from helpers import data, training

from .. import dual_encoder, pseudo_pairs

NOTEBOOK = "04_multimodal_svd"
ABOUT = "Class retrieval across digits and Fashion-MNIST after semi-supervised CLIP, by how the batches are drawn."
METHODS = ("aligned", "aligned, index repaired", "shuffled", "shuffled, index repaired", "whole set", "oracle")
SEEDS = tuple(range(16))
CELLS = [{"method": method} for method in METHODS]
CONSTANTS = {
    "components": 16,
    "hidden": 16,
    "paired_per_class": 30,
    "validation_per_class": 20,
    "test_per_class": 29,
    "unpaired_per_class": 285,
    "batch": 64,
    "temperature": 1.0,
    "paired_epochs": 100,
    "paired_rate": 2e-3,
    "unpaired_epochs": 100,
    "unpaired_rate": 4e-4,
    "refresh_epochs": 5,
    "refresh_factor": 1.1,
}


def parts(seed):
    """Class pairs as rows ``[digit | fashion]`` of 16 + 16 principal components, class by class.

    Digits of the unpaired part are used three times, with three Fashion-MNIST images each; the four parts share no
    image.

    Returns
    -------
    dict of str to (Tensor, ndarray)
        ``paired``, ``validation``, ``test``, ``unpaired``: rows (n, 32), float32, and their classes (n,).
    """
    rng = np.random.default_rng(seed)
    names = ("paired", "validation", "test", "unpaired")
    sizes = [CONSTANTS[f"{name}_per_class"] for name in names]
    sides = []
    for images, unpaired in ((data.digits(), sizes[-1] // 3), (data.fashion_mnist("test"), sizes[-1])):
        orders = [rng.permutation(np.flatnonzero(images.labels == c)) for c in range(10)]
        ends = np.cumsum([*sizes[:-1], unpaired])
        starts = np.concatenate([[0], ends[:-1]])
        chosen = [[order[start:end] for order in orders] for start, end in zip(starts, ends, strict=True)]
        chosen[-1] = [np.tile(own, sizes[-1] // unpaired) for own in chosen[-1]]
        index = {name: np.concatenate(own) for name, own in zip(names, chosen, strict=True)}
        pixels = images.images.reshape(len(images), -1)
        scores = components(pixels[np.unique(index["unpaired"])], CONSTANTS["components"])
        sides.append({name: scores(pixels[own]) for name, own in index.items()})
    return {
        name: (
            torch.from_numpy(np.concatenate([side[name] for side in sides], axis=1)).float(),
            np.repeat(np.arange(10), size),
        )
        for name, size in zip(names, sizes, strict=True)
    }


def components(pixels, count):
    """Principal components of a set of images, as a function of pixels; one common scale, mean square 1."""
    centre = pixels.mean(0)
    axes = np.linalg.svd(pixels - centre, full_matrices=False)[2][:count].T
    scale = np.sqrt(np.mean(((pixels - centre) @ axes) ** 2))
    return lambda other: (other - centre) @ axes / scale


def retrieval(model, part):
    """Share of digits whose most similar Fashion-MNIST image is of their class."""
    rows, labels = part
    with torch.no_grad():
        best = model.scores(rows.to(next(model.parameters()).device)).argmax(dim=1).cpu().numpy()
    return float(np.mean(labels[best] == labels))


def heads(seed):
    """The untrained model: two perceptrons 16-16-16 with cosine similarity."""
    widths = [CONSTANTS["components"], CONSTANTS["hidden"], CONSTANTS["hidden"]]
    return dual_encoder.perceptrons(widths, widths, seed=seed)


class Refreshed:
    """An objective with an anchor model that is replaced when validation accuracy has grown enough.

    Parameters
    ----------
    model : TwoTowers
        Start of the training; its copy is the first anchor.
    make : callable
        Maps an anchor to an objective for ``training.fit``.
    validation : (Tensor, ndarray)
    every : int
        Steps between two looks at the validation data.
    """

    def __init__(self, model, make, validation, every):
        self.make, self.validation, self.every, self.steps = make, validation, every, 0
        self._adopt(model, retrieval(model, validation))

    def __call__(self, model, rows, generator):
        if self.steps and self.steps % self.every == 0:
            accuracy = retrieval(model, self.validation)
            if accuracy > CONSTANTS["refresh_factor"] * self.best:
                self._adopt(model, accuracy)
        self.steps += 1
        return self.objective(model, rows, generator)

    def _adopt(self, model, accuracy):
        self.best, self.objective = accuracy, self.make(copy.deepcopy(model))


def objective_of(method, rows, temperature):
    """Maps an anchor to the objective of a method.

    Parameters
    ----------
    method : str
        One of ``METHODS``.
    rows : Tensor, shape (N, 32)
        The unpaired data in matching order, on the device of the training.
    temperature : float

    Returns
    -------
    callable
    """
    if method == "oracle":
        return lambda anchor: dual_encoder.paired(temperature=temperature)
    split = CONSTANTS["components"]
    if method == "whole set":

        def matched(anchor):
            with torch.no_grad():
                scores = anchor.scores(rows).cpu().double().numpy()
            partner = torch.from_numpy(pseudo_pairs.one_to_one(scores)[:, 1]).to(rows.device)
            objective = dual_encoder.paired(temperature=temperature)
            guessed = torch.cat([rows[:, :split], rows[partner, split:]], dim=1)

            def on_guesses(model, batch, generator):
                chosen = torch.randint(len(guessed), (len(batch),), generator=generator).to(rows.device)
                return objective(model, guessed[chosen], generator)

            return on_guesses

        return matched

    def guess(scores):
        return dual_encoder.best_partners(scores, transposed="repaired" not in method)

    def batched(anchor):
        objective = dual_encoder.guessed_pairs(guess, temperature=temperature, anchor=anchor)
        return dual_encoder.shuffled(objective, rows[:, split:]) if method.startswith("shuffled") else objective

    return batched


def measure(cell, seed, device, scratch=None, *, paired_epochs=None, unpaired_epochs=None):
    """Test retrieval accuracies, as fractions (chance 0.1).

    Returns
    -------
    dict of str to float
        ``start``: after the paired data; ``end``: after the unpaired data.
    """
    del scratch
    shorter = {"paired_epochs": paired_epochs, "unpaired_epochs": unpaired_epochs}
    settings = CONSTANTS | {name: epochs for name, epochs in shorter.items() if epochs is not None}
    found, model, temperature = parts(seed), heads(seed), settings["temperature"]
    options = {"batch": settings["batch"], "seed": seed, "device": device}
    training.fit(
        model,
        dual_encoder.paired(temperature=temperature),
        found["paired"][0],
        epochs=settings["paired_epochs"],
        learning_rate=settings["paired_rate"],
        **options,
    )
    start, rows = retrieval(model, found["test"]), found["unpaired"][0]
    steps = settings["refresh_epochs"] * (len(rows) // settings["batch"])
    make = objective_of(cell["method"], rows.to(device), temperature)
    training.fit(
        model,
        Refreshed(model, make, found["validation"], steps),
        rows,
        epochs=settings["unpaired_epochs"],
        learning_rate=settings["unpaired_rate"],
        **options,
    )
    return {"start": start, "end": retrieval(model, found["test"])}
