"""One claim explained: what it says, where it comes from, what it rests on, and its cells run now."""

import os
import textwrap
import time

from helpers.ledger import cards, verdicts

from . import words


def explanation(card, claim_id, every):
    """What the cards say about a claim, as text.

    Parameters
    ----------
    card : cards.Card
    claim_id : str
    every : dict of str to cards.Card
        All cards, by name.

    Returns
    -------
    str
    """
    claim = card.claims[claim_id]
    home = {label: other for other in every.values() for label in other.claims}
    used_by = {
        label: entry["uses"][claim_id]
        for other in every.values()
        for label, entry in other.claims.items()
        if claim_id in entry["uses"]
    }
    lines = [f"{claim_id}  {claim['title']}", ""]
    entries = {
        "statement": f"${claim['statement'].strip()}$",
        "source": claim["source"],
        "provenance": ", ".join(claim["provenance"]),
        "part": card.parts[claim["part"]]["question"],
        "where": f"{card.name}, {claim['where'] if card.is_essay else 'its notebook'}",
        "method": claim.get("method"),
        "not tested": claim.get("weak"),
    }
    for key, value in entries.items():
        if value:
            lines += _entry(key, value)
    for key, others in (("uses", claim["uses"]), ("used by", used_by)):
        for other, reason in others.items():
            lines += _entry(key, f"{other} ({home[other].claims[other]['title']}): {reason}")
    for label, erratum in card.errata.items():
        if erratum["evidence"] == claim_id:
            lines += _entry(
                f"erratum {label}",
                f"quoted: {words.sentence(erratum['quoted'])} Corrected: {words.sentence(erratum['corrected'])}",
            )
    return "\n".join(lines)


def _entry(key, value):
    text = " ".join(value.split())
    return textwrap.wrap(f"{key + ':':<12}{text}", 100, subsequent_indent=" " * 12, break_long_words=False)


def main(claim_id):
    """Explain a claim and run its cells, those of the essay and of the appendix; returns the exit status.

    Raises
    ------
    ValueError
        For an id that no card has; the message lists those that there are.
    """
    every = cards.load_all(folder=cards.FOLDER)
    card = next((card for card in every.values() if claim_id in card.claims), None)
    if card is None:
        ids = "\n".join(f"  {name}: {', '.join(other.claims)}" for name, other in every.items())
        raise ValueError(f"no card has a claim {claim_id!r} (make claim ID=...); there are\n{ids}")
    print(explanation(card, claim_id, every), end="\n\n", flush=True)
    os.environ.update({"MPLBACKEND": "agg", "STRICT": "0"})
    from . import groups

    start = time.monotonic()
    record = groups.run_claim(card.name, claim_id)
    seconds = time.monotonic() - start
    passed = verdicts.passed(record)
    print(f"\nnearest control: {words.nearest(record)}")
    print(f"{claim_id} {'holds' if passed else 'FAILS'}; its cells took {seconds:.1f} s with the set-up")
    return int(not passed)
