"""Linear probes trained by gradient descent, as the released codes of contrastive papers do; for many images."""

import torch
from torch.nn import functional

from helpers import evaluation, models, training


def linear_probe(
    train, train_labels, test, test_labels, *, epochs, batch, learning_rate, weight_decay, seed, device="cpu"
):
    """Accuracy of multinomial logistic regression on standardised frozen features, by Adam, at its last epoch.

    Where ``evaluation.logistic_probe`` finds the optimum, this stops after some epochs; on many or wide features it
    takes seconds instead of minutes.

    Parameters
    ----------
    train, test : ndarray, shapes (n, d) and (m, d)
    train_labels, test_labels : ndarray of int, from 0 on
    epochs, batch : int
    learning_rate, weight_decay : float
        The rate falls to zero along half a cosine; the decay is Adam's ridge penalty, for weights and biases.
    seed : int
        Of initial weights and order.
    device : torch.device or str

    Returns
    -------
    evaluation.Score

    Raises
    ------
    ValueError
        If shapes do not fit, or a feature is not finite.

    >>> import numpy as np
    >>> x, y = np.array([[-1.0], [-0.9], [1.0], [0.9]]), np.array([0, 0, 1, 1])
    >>> linear_probe(x, y, x, y, epochs=50, batch=4, learning_rate=0.1, weight_decay=0.0, seed=0).value
    1.0
    """
    evaluation.require_fitting(train, train_labels, test, test_labels)
    train, test = (torch.from_numpy(part).float().to(device) for part in evaluation.standardised(train, test))
    labels = torch.as_tensor(train_labels).long().to(device)
    classes = int(max(train_labels.max(), test_labels.max())) + 1
    probe = models.encoder((train.shape[1], classes), batch_norm=False, normalise=False, seed=seed)

    def objective(probe, rows, _):
        return functional.cross_entropy(probe(train[rows]), labels[rows])

    options = {"epochs": epochs, "batch": batch, "learning_rate": learning_rate, "weight_decay": weight_decay}
    options |= {"schedule": training.cosine(), "seed": seed, "device": device}
    training.fit(probe, objective, torch.arange(len(train)), **options)
    with torch.no_grad():
        predicted = probe(test).argmax(dim=1).cpu().numpy()
    return evaluation.accuracy(predicted, test_labels)
