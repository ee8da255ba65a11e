"""Sphinx settings of the site; ``build.py`` calls Sphinx with the source tree that ``source.py`` wrote."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

project = "Contrastive-learning theory, checked"
author = "the authors of the collection"
extensions = ["myst_nb", "sphinx_copybutton", "sphinx.ext.napoleon", "anchors", "navigation", "prerendered_math"]
html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files = ["katex/katex.min.css", "site.css"]
html_js_files = []
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
# no search engine of another host, no analytics, no web fonts
html_theme_options = {"navigation_with_keys": True, "footer_icons": []}
nb_execution_mode = "off"
nb_render_markdown_format = "myst"  # captions come as Markdown outputs; else they lose formulas and anchors
nb_code_prompt_show = "Show code"
nb_code_prompt_hide = "Hide code"
myst_enable_extensions = ["dollarmath", "amsmath", "attrs_inline", "attrs_block"]
myst_dmath_double_inline = True  # display formulas stand in the middle of paragraphs
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # notebooks go from level 2 to level 4
copybutton_exclude = ".linenos, .gp, .go"
exclude_patterns = []
python_use_unqualified_type_names = True
napoleon_google_docstring = False
