"""The four terms of the objective on 300 fixed training points, where sharpness has something to control.

Inputs with one robust and ten weak coordinates; class positives; an encoder 11-32-2. What is compared is the robust
loss of the mean classifier on the training points and on fresh ones.
"""

import torch

from .. import ensemble, robust_scores

NOTEBOOK = "05_robust_contrastive"
ABOUT = "Robust loss on 300 training points and on fresh points, for seven objectives, inputs with weak coordinates."
OBJECTIVES = {
    "benign": (0.0, 1.0, 0.0, 0.0),
    "adversarial": (1.0, 0.0, 0.0, 0.0),
    "adversarial + benign": (1.0, 1.0, 0.0, 0.0),
    "adversarial + benign + SAM 0.1": (1.0, 1.0, 0.1, 0.0),
    "adversarial + benign + SAM 0.5": (1.0, 1.0, 0.5, 0.0),
    "adversarial + benign + discriminator": (1.0, 1.0, 0.0, 0.1),
    "adversarial + benign + SAM 0.1 + discriminator": (1.0, 1.0, 0.1, 0.1),
}
SEEDS = tuple(range(8))
CELLS = [{"objective": name} for name in OBJECTIVES]
CONSTANTS = {
    "points": 300,
    "fresh": 4000,
    "widths": [11, 32, 2],
    "temperature": 0.5,
    "batch": 64,
    "steps": 1000,
    "learning_rate": 5e-3,
    "radius": 0.35,
    "attack_steps": 5,
    "test_attack_steps": 20,
}


def flipped(inputs, labels):
    """Every coordinate moved against its class: the worst point of a linear encoder, and a start for attacks."""
    return inputs - CONSTANTS["radius"] * (2 * labels - 1)[..., None]


def measure(cell, seed, device, scratch=None, *, steps=None):
    """Losses in nats, accuracies as fractions.

    Returns
    -------
    dict of str to float
        ``train_robust``, ``robust``: robust cross-entropy of the mean classifier (of the training points) on the
        training and on the fresh points; ``clean``: its clean cross-entropy on fresh points; ``robust_accuracy``.
    """
    if torch.device(device).type != "cpu":
        raise ValueError(f"this table is recorded on the CPU, not on {device}")
    del scratch
    settings = CONSTANTS if steps is None else CONSTANTS | {"steps": steps}
    generator = torch.Generator().manual_seed(seed)
    labels, fresh_labels = torch.arange(settings["points"])[None] % 2, torch.arange(settings["fresh"])[None] % 2
    points, fresh = (ensemble.robust_and_weak(y, generator) for y in (labels, fresh_labels))

    def draw():
        chosen = torch.randint(settings["points"], (2, settings["batch"]), generator=generator)
        partner = 2 * (chosen[1] // 2) + chosen[0] % 2  # of the same class
        return points[:, chosen[0]], points[:, partner]

    layers = ensemble.initial(settings["widths"], [seed])
    keys = ("steps", "temperature", "radius", "attack_steps", "learning_rate")
    options = {key: settings[key] for key in keys}
    attack = torch.Generator().manual_seed(seed + 1000)
    ensemble.train(layers, ensemble.recipe([OBJECTIVES[cell["objective"]]]), draw, generator=attack, **options)
    layers = [layer.detach() for layer in layers]
    threat = robust_scores.Threat(settings["radius"], settings["test_attack_steps"])
    classifier = robust_scores.mean_classifier(
        ensemble.features(layers, points), labels, classes=2, temperature=settings["temperature"]
    )
    seen, new = (
        robust_scores.scores(layers, x, y, classifier, threat, generator=attack, starts=flipped(x, y)[None])
        for x, y in ((points, labels), (fresh, fresh_labels))
    )
    return {
        "train_robust": seen.robust_loss.item(),
        "robust": new.robust_loss.item(),
        "clean": new.clean_loss.item(),
        "robust_accuracy": new.robust_accuracy.item(),
    }
