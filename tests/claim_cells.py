"""Claims run alone in tests: nothing is drawn on a screen."""

import matplotlib

from helpers.collection.groups import Group, execute, groups, notebook, path, places, run_claim, sources_of, tags

matplotlib.use("Agg")

__all__ = ["Group", "execute", "groups", "notebook", "path", "places", "run_claim", "sources_of", "tags"]
