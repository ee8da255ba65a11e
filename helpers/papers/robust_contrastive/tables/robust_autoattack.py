"""The four attacks of AutoAttack (Croce and Hein, ICML 2020) beside PGD-20, on encoders trained on digits.

Training, encoder and ball are those of ``robust_digits`` with class positives. What is attacked is the mean classifier.
The attacks come from the package pyautoattack, which is not among the requirements: install the version of
``CONSTANTS["package"]`` in an environment of its own to record the table.
"""

import torch

from .. import ensemble, robust_scores
from . import robust_digits

NOTEBOOK = "05_robust_contrastive"
ABOUT = "Accuracy of the mean classifier under PGD-20 and under the attacks of pyautoattack 0.2.0, digits encoders."
OBJECTIVES = ("adversarial", "adversarial + benign")
ATTACKS = {"apgd_ce": "apgd-ce", "apgd_dlr": "apgd-t", "fab": "fab-t", "square": "square"}
SEEDS, MINUTES = tuple(range(5)), 3
CELLS = [{"objective": name} for name in OBJECTIVES]
CONSTANTS = robust_digits.CONSTANTS | {"attacked": 200, "queries": 1000, "package": "pyautoattack==0.2.0"}


def package():
    """The package, of the version that the table names.

    Raises
    ------
    ImportError
        If it is not installed, or in another version.
    """
    from importlib import metadata

    name, wanted = CONSTANTS["package"].split("==")
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        found = "not installed"
    if found != wanted:
        raise ImportError(f"{name} is {found}, this table is recorded with {wanted}")
    import pyautoattack

    return pyautoattack


def attacked(model, images, labels, attack, *, radius, queries, seed):
    """Answers (n, 1, 8, 8) of one attack of the package, within the ball and [0, 1].

    Raises
    ------
    ValueError
        If the package leaves the ball.
    """
    tool = package().AutoAttack(model, attacks=[attack], version="custom", eps=radius, seed=seed)
    tool.apgd.n_restarts, tool.fab.n_restarts, tool.square.n_queries = 1, 1, queries
    answer = tool.run_standard_evaluation(images, labels, batch_size=len(images))
    answer = answer[0] if isinstance(answer, tuple) else answer
    if isinstance(answer, dict):
        answer = answer[attack]
    far = (answer - images).abs().max().item()
    if far > radius + 1e-6 or answer.min() < 0 or answer.max() > 1:
        raise ValueError(f"{attack} moved a pixel by {far}, the radius is {radius}")
    return answer


def measure(cell, seed, device, scratch=None, *, steps=None, names=tuple(ATTACKS)):
    """Accuracies as fractions of the attacked test images.

    Returns
    -------
    dict of str to float
        ``clean``; ``pgd``: PGD-20 from five starts; one number an attack; ``together``: all attacks of the package;
        ``all``: with PGD as well.
    """
    if torch.device(device).type != "cpu":
        raise ValueError(f"this table is recorded on the CPU, not on {device}")
    del scratch
    settings = CONSTANTS if steps is None else CONSTANTS | {"steps": steps}
    generator = torch.Generator().manual_seed(seed)
    (images, labels), (test, test_labels) = robust_digits.parts(seed)
    layers = ensemble.initial(settings["widths"], [seed])
    keys = ("steps", "temperature", "radius", "attack_steps", "learning_rate")
    draw = robust_digits.drawer(images, labels, "class", torch.Generator().manual_seed(seed + 1000))
    recipe = ensemble.recipe([robust_digits.OBJECTIVES[cell["objective"]]])
    options = {key: settings[key] for key in keys}
    ensemble.train(layers, recipe, draw, generator=generator, low=0.0, high=1.0, **options)
    layers = [layer.detach() for layer in layers]
    form = {"classes": 10, "temperature": settings["temperature"]}
    weights, bias = robust_scores.mean_classifier(ensemble.features(layers, images), labels, **form)
    x, y = test[:, : settings["attacked"]], test_labels[:, : settings["attacked"]]
    threat = robust_scores.Threat(settings["radius"], settings["test_attack_steps"], 0.0, 1.0)
    restarts = {"generator": generator, "restarts": settings["test_restarts"]}
    points = robust_scores.scores(layers, x, y, (weights, bias), threat, **restarts).points

    def model(pictures):
        return (ensemble.features(layers, pictures.reshape(1, -1, 64)) @ weights.mT + bias)[0]

    def right(pictures):
        with torch.no_grad():
            return model(pictures).argmax(dim=1) == y[0]

    clean = right(x)
    kept = {"clean": clean, "pgd": clean & right(points)}
    squares = x.reshape(-1, 1, 8, 8)
    for name in names:
        limits = {"radius": settings["radius"], "queries": settings["queries"], "seed": seed}
        kept[name] = clean & right(attacked(model, squares, y[0], ATTACKS[name], **limits))
    together = torch.stack([clean, *(kept[name] for name in names)]).all(dim=0)
    kept |= {"together": together, "all": together & kept["pgd"]}
    return {name: values.float().mean().item() for name, values in kept.items()}
