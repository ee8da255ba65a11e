// The table of claims: filter by word and by column, sort; the address keeps both (claims/index.html?q=SC-T1&kind=rate).
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("claims-filters"), choices = [...form.querySelectorAll("select")];
  const wanted = new URLSearchParams(location.search);
  choices.forEach((choice) => { choice.value = wanted.get(choice.name) || ""; });
  const tests = {
    paper: (row, value) => row.paper === value,
    part: (row, value) => `${row.paper} ${row.part}` === value,
    kind: (row, value) => row.kind === value,
    from: (row, value) => row.from.split(" ").includes(value),
    notices: (row, value) => Number(row.resolution) <= Number(value),
  };
  const table = new DataTable("#claims-table", {
    paging: false,
    order: [],
    autoWidth: false,
    search: { search: wanted.get("q") || "" },
    language: { search: "Word or id", info: "_TOTAL_ claims", infoEmpty: "no claim", infoFiltered: "of _MAX_" },
  });
  const passes = (row) => choices.every((choice) => !choice.value || tests[choice.name](row.dataset, choice.value));
  table.search.fixed("chosen", (_, __, index) => passes(table.row(index).node()));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => table.draw());
  table.on("draw", () => {
    if (location.protocol === "file:") return;
    const address = new URL(location.href);
    [["q", table.search()], ...choices.map((choice) => [choice.name, choice.value])].forEach(([key, value]) => {
      if (value) address.searchParams.set(key, value);
      else address.searchParams.delete(key);
    });
    history.replaceState(null, "", address);
  });
  table.draw();
});
