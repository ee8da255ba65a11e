// The table of claims: filter, sort, and a filter in the address (claims/index.html?q=SC-T1).
document.addEventListener("DOMContentLoaded", () => {
  const wanted = new URLSearchParams(location.search).get("q") || "";
  const table = new DataTable("#claims-table", {
    paging: false,
    order: [],
    search: { search: wanted },
    language: { search: "Filter" },
  });
  table.on("search", () => {
    const address = new URL(location.href);
    if (table.search()) address.searchParams.set("q", table.search());
    else address.searchParams.delete("q");
    if (location.protocol !== "file:") history.replaceState(null, "", address);
  });
});
