"""What a reader sees in a stored notebook is complete, in order, short, and says what card and ledger say."""

import builtins
import contextlib
import copy
import io
import re
import statistics
from pathlib import Path

import pytest
from claim_cells import Group, execute, groups, notebook, path, places, tags

from helpers import files, runtime
from helpers.collection import commands, generated, pages, prose
from helpers.collection import notebooks as runner
from helpers.figures import numbers
from helpers.ledger import cards, claims, compare, session

CARDS = cards.load_all()
# Every notebook: a paper without the new form has one, an essay has its appendix beside it.
ALL = [(name, place) for name in CARDS for place in places(name)]
ESSAYS = [name for name, card in CARDS.items() if card.is_essay]
MEGABYTES = 4
MOST_IGNORED, EXERCISES, LINE = 5, 6, 99
MOST_CELLS, MOST_WORDS = 60, 6500
MEDIAN = {"essay": 8, "appendix": 12}
LONGEST = {"essay": 25, "appendix": 30}
USUAL = 16  # nine in ten cells of an essay are shorter
GENERATED = ("contents", "claims", "errata", "weak")
PLAIN_TAGS = {"setup", "exercise", "solution", "slide", "slide:code", *(f"generated:{kind}" for kind in GENERATED)}

every_notebook = pytest.mark.parametrize(("name", "place"), ALL)
essay = pytest.mark.parametrize("name", ESSAYS)


def code_cells(name, place="essay"):
    return [cell for cell in notebook(name, place).cells if cell.cell_type == "code"]


def text(name, place="essay", *, generated=True):
    """All Markdown of a notebook."""
    cells = [cell for cell in notebook(name, place).cells if cell.cell_type == "markdown"]
    kept = [cell for cell in cells if generated or not any(tag.startswith("generated:") for tag in tags(cell))]
    return "\n\n".join(cell.source for cell in kept)


def prefixed(cell, prefix):
    return [tag.removeprefix(prefix) for tag in tags(cell) if tag.startswith(prefix)]


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs if output.output_type == "stream")


def length(cell):
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def stored(name, place, file):
    return files.read_json(files.folder(runtime.ROOT / "figures", name, place) / file)


# -- the collection ----------------------------------------------------------------------------------
def test_no_claim_is_lost():
    ids = (Path(__file__).parent / "ids.txt").read_text().split()
    assert len(ids) == 231
    assert [claim_id for claim_id in ids if not any(claim_id in card.claims for card in CARDS.values())] == []


def test_every_notebook_has_a_card_and_every_card_its_notebooks():
    runner.require_whole(runtime.ROOT / "notebooks")


# -- every notebook ----------------------------------------------------------------------------------
@every_notebook
def test_cells_ran_in_order_from_one(name, place):
    counts = [cell.execution_count for cell in code_cells(name, place)]
    assert counts == list(range(1, len(counts) + 1))


@every_notebook
def test_no_error_and_no_warning_is_stored(name, place):
    for cell in code_cells(name, place):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", cell.source


@every_notebook
def test_kernel_and_size(name, place):
    assert notebook(name, place).metadata.kernelspec.name == "python3"
    assert isinstance(notebook(name, place).metadata.get("expected_seconds"), int)
    assert path(name, place).stat().st_size < MEGABYTES * 1e6


@every_notebook
def test_a_cell_that_prints_has_its_output_stored(name, place):
    speaks = re.compile(r"^\s*(print\(|gallery\.show\(|ledger\.finish\(|with ledger\.(claim|more)\()", re.M)
    cells = [
        cell for cell in code_cells(name, place) if "setup" not in tags(cell)
    ]  # which may define what prints later
    assert [cell.source for cell in cells if speaks.search(cell.source) and not cell.outputs] == []


@every_notebook
def test_ignored_cells_are_few_and_followed_by_a_verdict(name, place):
    cells = code_cells(name, place)
    ignored = [k for k, cell in enumerate(cells) if "NBVAL_IGNORE_OUTPUT" in cell.source]
    assert len(ignored) <= MOST_IGNORED
    assert all(re.search(r"print\(|ledger\.(claim|more)", cells[k + 1].source) for k in ignored)
    assert not any("NBVAL_SKIP" in cell.source for cell in cells)


@every_notebook
def test_stored_verdicts_are_those_of_ledger_and_card(name, place):
    lines = [line for cell in code_cells(name, place) for line in printed(cell).splitlines()]
    heads = [line for line in lines if line.startswith(("PASS", "FAIL"))]
    records = stored(name, place, "claims.json")["claims"]
    words = {True: "PASS", False: "FAIL"}
    wanted = [
        f"{words[claims.passed(record)]}  {record['id']}  {CARDS[name].claims[record['id']]['title']}"
        for record in records
    ]
    assert sorted(heads) == sorted(wanted)
    assert [record["id"] for record in records if not claims.passed(record)] == []


@every_notebook
def test_every_claim_has_its_cells_its_record_and_its_anchor(name, place):
    card = CARDS[name]
    ids = [label for label, claim in card.claims.items() if not card.is_essay or claim["where"] == place]
    extra = {label for label, claim in card.claims.items() if card.is_essay and claim["where"] == "essay"}
    more = extra if place == "appendix" else set()
    tagged = {label for cell in code_cells(name, place) for label in prefixed(cell, "claim:")}
    recorded = {record["id"] for record in stored(name, place, "claims.json")["claims"]}
    for found in (tagged, recorded):
        assert found - more == set(ids)
    # the essay keeps an anchor for a claim that stands in the appendix, so that old links arrive
    anchored = card.claims if place == "essay" else tagged
    assert [label for label in anchored if f'<a id="{label}"></a>' not in text(name, place)] == []


@every_notebook
def test_every_figure_of_the_card_has_picture_numbers_and_alt_text(name, place):
    folder = files.folder(runtime.ROOT / "figures", name, place)
    card, listed = CARDS[name], stored(name, place, "figures.json")
    pictures = [entry["name"] for entry in listed if entry.get("picture", True)]
    assert pictures == [
        label for label, figure in card.figures.items() if not card.is_essay or figure["where"] == place
    ]
    for entry in listed:
        assert (folder / f"{entry['name']}.csv").exists()
        assert (folder / f"{entry['name']}.png").exists() == entry.get("picture", True)
    assert [label for label in pictures if len(card.figures[label]["alt"]) < 20] == []
    shown = [cell for cell in code_cells(name, place) if "gallery.show(" in cell.source]
    assert all(cell.metadata.get("alt") for cell in shown)


@every_notebook
def test_no_machine_trace_is_stored(name, place):
    content = path(name, place).read_text(encoding="utf-8")
    assert "iopub.execute_input" not in content
    assert str(runtime.ROOT) not in content
    assert not re.search(r"/(home|root|Users|tmp)/", content)


# -- essays and appendices ---------------------------------------------------------------------------
def counted(name, place):
    """Code cells that count: set-up, exercises and solutions do not."""
    return [cell for cell in code_cells(name, place) if not {"setup", "exercise", "solution"} & set(tags(cell))]


@every_notebook
def test_cells_are_short(name, place):
    lengths = [length(cell) for cell in counted(name, place)]
    too_long = [cell.source for cell in counted(name, place) if length(cell) > LONGEST[place]]
    assert too_long == []
    assert statistics.median(lengths) <= MEDIAN[place]


@every_notebook
def test_lines_are_short(name, place):
    lines = [line for cell in code_cells(name, place) for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > LINE] == []


@essay
def test_an_essay_is_short(name):
    cells = counted(name, "essay")
    assert len(cells) <= MOST_CELLS
    assert sum(length(cell) < USUAL for cell in cells) >= 0.9 * len(cells)
    assert words(text(name, generated=False)) <= MOST_WORDS


def words(markdown):
    """Words of a text: a formula counts as one, code blocks, tags and comments as none."""
    plain = re.sub(r"```.*?```|<!--.*?-->|<[^>]*>", " ", markdown, flags=re.S)
    plain = re.sub(r"\$\$.*?\$\$|\$[^$]*\$", " formula ", plain, flags=re.S)
    return len(re.findall(r"\w[\w'’-]*", plain))


def test_words_are_counted():
    assert words("Two words, $a + b$ <b>and</b> `code`.\n```python\nx = 1\n```\n$$x$$ <!-- not this -->") == 6


@every_notebook
def test_tags_are_known(name, place):
    card = CARDS[name]
    known = PLAIN_TAGS | {f"{kind}:{label}" for kind in ("claim", "needs") for label in card.claims}
    known |= {f"figure:{label}" for label in card.figures}
    cells = notebook(name, place).cells
    assert {tag for cell in cells for tag in tags(cell) if not tag.startswith("table:")} - known == set()
    assert sum("setup" in tags(cell) for cell in cells) == 1
    assert [cell.source for cell in cells if prefixed(cell, "needs:") and not prefixed(cell, "figure:")] == []
    last = code_cells(name, place)[-1]
    assert {"gallery.finish()", "ledger.finish()"} <= set(last.source.split())


@essay
def test_generated_cells_are_there(name):
    found = [kind for cell in notebook(name).cells for kind in prefixed(cell, "generated:")]
    assert sorted(found) == sorted(GENERATED)


@every_notebook
def test_cells_have_readable_ids(name, place):
    ids = [cell.id for cell in notebook(name, place).cells]
    assert len(set(ids)) == len(ids)
    assert [cell_id for cell_id in ids if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell_id)] == []
    assert [cell_id for cell_id in ids if re.fullmatch(r"[0-9a-f]{8,}", cell_id)] == []


@every_notebook
def test_claim_cells_do_not_draw(name, place):
    cells = [cell for cell in code_cells(name, place) if prefixed(cell, "claim:") and not prefixed(cell, "figure:")]
    assert [cell.source for cell in cells if re.search(r"\bplt\.|matplotlib|\.savefig\(|\bax\.", cell.source)] == []


@every_notebook
def test_a_group_reads_names_of_the_set_up_and_its_own_only(name, place):
    cells = code_cells(name, place)
    free = set(dir(builtins)) | {"display", "get_ipython"}
    for cell in cells:
        if "setup" in tags(cell):
            free |= session.names(cell.source)[0]
    # a cell without a tag, or of an exercise, is a group of its own
    alone = [Group(cell.id, (cell.source,)) for cell in cells if not {*tags(cell)} - {"exercise", "solution"}]
    for group in [*groups(name, place), *alone]:
        pairs = [session.names(source) for source in group.sources]
        own = set().union(*(assigned for assigned, _ in pairs))
        read = set().union(*(read for _, read in pairs))
        assert read - own - free == set(), group.tag


# -- numbers in prose and captions -------------------------------------------------------------------
FIGURES = runtime.ROOT / "figures"


@every_notebook
def test_tied_numbers_are_those_of_the_stored_run(name, place):
    source = prose.Source(FIGURES, name=name)
    assert prose.stale(text(name, place), source) == []
    assert prose.misplaced(text(name, place)) == []


@pytest.mark.parametrize("page", commands.PAGES, ids=lambda page: page.relative_to(runtime.ROOT).as_posix())
def test_tied_numbers_of_pages_are_those_of_the_stored_run(page):
    content = page.read_text(encoding="utf-8")
    assert prose.stale(content, prose.Source(FIGURES)) == []
    assert prose.misplaced(content) == []


@essay
def test_measured_numbers_in_an_essay_have_a_source(name):
    cells = [cell for cell in notebook(name).cells if cell.cell_type == "markdown" and not prefixed(cell, "generated:")]
    assert [(cell.id, *found) for cell in cells for found in prose.unsourced(cell.source)] == []


@essay
def test_headlines_carry_a_tied_number(name):
    """The text of every claim of an essay, from its anchor to the next behind some code, quotes a number of a run."""
    ids = {label for label, claim in CARDS[name].claims.items() if claim["where"] == "essay"}
    cells = [cell for cell in notebook(name).cells if not prefixed(cell, "generated:")]
    stream = "".join(cell.source if cell.cell_type == "markdown" else "\0" for cell in cells)
    found = [match for match in re.finditer(r'<a id="([^"]+)"></a>', stream) if match[1] in ids]
    sections = []
    for match in found:
        if sections and "\0" not in stream[sections[-1][0] : match.start()]:
            sections[-1][1].append(match[1])
        else:
            sections.append((match.start(), [match[1]]))
    ends = [start for start, _ in sections[1:]] + [len(stream)]
    bare = [ids for (start, ids), end in zip(sections, ends, strict=True) if not prose.TIED.search(stream[start:end])]
    assert bare == []


CAPTIONS = [
    (name, label, key)
    for name, card in CARDS.items()
    for label, figure in card.figures.items()
    for key in ("caption", "alt")
    if numbers.PLACE.search(figure[key])
]


@pytest.mark.parametrize(("name", "label", "key"), CAPTIONS)
def test_a_quoted_number_reads_the_same_at_both_ends_of_its_tolerance(name, label, key):
    card = CARDS[name]
    figure = card.figures[label]
    folder = files.folder(FIGURES, name, figure["where"] if card.is_essay else "essay")
    listed = {entry["name"]: entry for entry in files.read_json(folder / "figures.json")}
    columns = files.read_csv(folder / f"{label}.csv")
    for place in numbers.PLACE.finditer(figure[key]):
        path, form = numbers.parse(place[1])
        column = path.split("/")[0]
        values = [float(value) for value in columns[column]]
        slack = listed[label]["agreement"][column] * max(map(abs, values))
        ends = [[value + sign * slack for value in values] for sign in (-1, 0, 1)]
        shown = {numbers.printed(numbers.value(columns | {column: end}, path), form) for end in ends}
        assert len(shown) == 1, f"{place[0]} reads {', '.join(sorted(shown))}: a coarser format or a smaller tolerance"


@every_notebook
def test_generated_text_is_what_would_be_written(name, place):
    card, found = pages.records(FIGURES)[name]
    stored_text = {cell.id: cell.source for cell in notebook(name, place).cells}
    fresh = copy.deepcopy(notebook(name, place))
    generated.fill(fresh, card, found, place)
    assert [cell.id for cell in fresh.cells if cell.source != stored_text[cell.id]] == []


@every_notebook
def test_a_check_that_does_not_say_what_it_would_notice_has_a_reason(name, place):
    silent = [
        record["id"]
        for record in stored(name, place, "claims.json")["claims"]
        if any(check["resolution"] is None for check in record["checks"])
    ]
    assert [label for label in silent if not CARDS[name].claims[label].get("weak")] == []


# -- exercises -----------------------------------------------------------------------------------------
SOLUTION = re.compile(r"<details>.*?</details>", re.S)
BLOCK = re.compile(r"```python\n(.*?)```", re.S)


def solutions(name):
    """Code of every folded solution, a list of blocks each."""
    return [BLOCK.findall(folded) for folded in SOLUTION.findall(text(name))]


@essay
def test_exercises_have_an_answer_cell_and_a_folded_solution(name):
    answers = [cell for cell in code_cells(name) if "exercise" in tags(cell)]
    assert len(answers) >= EXERCISES
    assert [cell.source for cell in answers if not printed(cell)] == []
    checked = [blocks for blocks in solutions(name) if blocks]
    assert len(checked) >= EXERCISES
    assert [blocks for blocks in checked if "assert" not in "".join(blocks)] == []


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A live session of the quick profile with seed 0 that writes to a folder of its own."""
    for variable in ("PROFILE", "SEED", "REDRAW", "STRICT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OUTPUT", str(tmp_path))
    monkeypatch.setenv("DEVICE", "cpu")
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("elsewhere")
@essay
def test_solutions_run_after_the_set_up_alone(name):
    for blocks in solutions(name):
        execute(name, blocks, label=f"{name}, solution")


@pytest.mark.slow
@pytest.mark.usefixtures("elsewhere")
@every_notebook
def test_groups_run_in_any_order_and_again(name, place):
    """All groups backwards, then once more, in one session: the records are those of the stored ledger."""
    wanted = {record["id"]: record for record in stored(name, place, "claims.json")["claims"]}
    with contextlib.redirect_stdout(io.StringIO()):
        namespace = execute(name, [], place=place)
        for turn in ("first", "second"):
            for group in reversed(groups(name, place)):
                for source in group.sources:
                    exec(compile(source, f"<{group.tag}, {turn} time>", "exec"), namespace)
            found = namespace["ledger"].claims
            moved = [line for label, record in wanted.items() for line in compare.changes(record, found[label])]
            assert moved == [], turn
            assert found.keys() == wanted.keys()
