"""Cards of small papers, for tests that need one; each test changes one thing."""

import copy

from helpers.ledger import cards

CONTENT = {
    "paper": {
        "title": "A paper",
        "citation": "Somebody, *A paper* (2024)",
        "authors": ["Some Body"],
        "links": {"arxiv": "2401.00000"},
    },
    "part": {"first": {"question": "Is one one?", "minutes": 5}},
    "claim": {
        "T-1": {
            "title": "one is one",
            "statement": "1 = 1",
            "source": "here",
            "provenance": ["derived"],
            "part": "first",
        }
    },
}
CLAIM = CONTENT["claim"]["T-1"]
FIGURE = {
    "caption": "A line.",
    "alt": "A line that rises, drawn as a test.",
    "counterpart": "none",
    "published": "none",
}


def content(**changes):
    """The content of a card; ``paper__form="essay"`` sets ``content["paper"]["form"]``, None deletes a key."""
    made = copy.deepcopy(CONTENT)
    for path, value in changes.items():
        *tables, key = path.replace("T_", "T-").split("__")
        table = made
        for name in tables:
            table = table.setdefault(name, {})
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
    return made


def toml(value, prefix=""):
    """TOML text of nested dicts of strings, integers and lists, enough for a card."""
    plain = {key: entry for key, entry in value.items() if not (isinstance(entry, dict) and prefix.count(".") < 2)}
    lines = [f"[{prefix.rstrip('.')}]"] * bool(prefix and plain) + [f"{key} = {_value(e)}" for key, e in plain.items()]
    deeper = [toml(entry, f"{prefix}{key}.") for key, entry in value.items() if key not in plain]
    return "\n".join([*lines, *deeper])


def write(folder, name="97_small", made=None):
    """Write a card and return its path."""
    path = folder / f"{name}.toml"
    path.write_text(toml(CONTENT if made is None else made), encoding="utf-8")
    return path


def load(folder, name="97_small", **changes):
    """The card with these changes, written and read."""
    write(folder, name, content(**changes))
    return cards.load(name, folder=folder)


def _value(entry):
    if isinstance(entry, dict):
        return "{ " + ", ".join(f"{key} = {_value(inner)}" for key, inner in entry.items()) + " }"
    if isinstance(entry, list):
        return "[" + ", ".join(map(_value, entry)) + "]"
    if isinstance(entry, bool):
        return str(entry).lower()
    return f"'''{entry}'''" if isinstance(entry, str) else str(entry)
