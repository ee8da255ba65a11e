// Zoom, find and filter on the map. Without this script the picture, its links and the list of arrows still work.
document.addEventListener("DOMContentLoaded", () => {
  const picture = document.querySelector("#map svg");
  const view = svgPanZoom(picture, { controlIconsEnabled: true, fit: true, center: true, maxZoom: 40, zoomScaleSensitivity: 0.3 });
  const nodes = [...picture.querySelectorAll("g.node")];
  const edges = [...picture.querySelectorAll("g.edge")];
  const id = (node) => node.id.replace("node-", "");
  const has = (element, name) => element.classList.contains(name);
  const control = (name) => document.getElementById(`map-${name}`);
  const said = control("said");

  function kept(node) {
    const slug = (word) => word.replace("*", "-star").replace(" ", "-");
    const paper = control("paper").value, kind = control("kind").value, from = control("provenance").value;
    return (!paper || has(node, `paper-${paper}`)) && (!kind || has(node, `kind-${kind}`)) &&
      (!from || has(node, `from-${slug(from)}`)) && (!control("headline").checked || has(node, "headline"));
  }

  function show(chosen) {
    const names = new Set(chosen.map(id));
    nodes.forEach((node) => node.classList.toggle("faded", !names.has(id(node))));
    edges.forEach((edge) => {
      const ends = [...edge.classList].filter((name) => /^(from|to)-[A-Z]/.test(name)).map((name) => name.replace(/^(from|to)-/, ""));
      edge.classList.toggle("faded", !ends.every((end) => names.has(end)));
    });
  }

  // Where something stands on the drawing, whatever part of it is in view.
  function place(element) {
    const on = picture.querySelector(".svg-pan-zoom_viewport").getCTM().inverse().multiply(element.getCTM());
    const box = element.getBBox();
    return { x: on.a * box.x + on.e, y: on.d * box.y + on.f, width: on.a * box.width, height: on.d * box.height };
  }

  // Brings it into the middle, at most as large as the letters of the page.
  function look(element, largest) {
    const box = place(element), frame = view.getSizes(), once = frame.realZoom / view.getZoom();
    const scale = Math.min(largest, (0.96 * frame.width) / box.width, (0.96 * frame.height) / box.height);
    view.zoom(scale / once);
    const zoom = view.getSizes().realZoom;
    view.pan({ x: frame.width / 2 - (box.x + box.width / 2) * zoom, y: frame.height / 2 - (box.y + box.height / 2) * zoom });
  }

  function update() {
    const word = control("find").value.trim().toLowerCase();
    let chosen = nodes.filter(kept);
    const matching = word ? chosen.filter((node) => node.textContent.toLowerCase().includes(word)) : [];
    nodes.forEach((node) => node.classList.remove("found"));
    if (word) {
      const exact = matching.filter((node) => id(node).toLowerCase() === word);
      const first = (exact.length ? exact : matching)[0];
      matching.forEach((node) => node.classList.add("found"));
      if (first) {
        const near = new Set([id(first)]);
        edges.forEach((edge) => {
          const ends = [...edge.classList].filter((name) => /^(from|to)-[A-Z]/.test(name)).map((name) => name.replace(/^(from|to)-/, ""));
          if (ends.includes(id(first))) ends.forEach((end) => near.add(end));
        });
        matching.forEach((node) => near.add(id(node)));
        chosen = chosen.filter((node) => near.has(id(node)));
        look(first, 1.1);
      }
      said.textContent = matching.length ? `${matching.length} found, first ${id(first)}` : "nothing found";
    } else {
      said.textContent = `${chosen.length} claims`;
      const paper = control("paper").value;
      if (paper) look(picture.querySelector(`#cluster-${paper}`), 1.1);
      else view.reset();
    }
    show(chosen);
  }

  ["find", "paper", "kind", "provenance", "headline"].forEach((name) => control(name).addEventListener("input", update));
  control("find").form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("map").addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    if (steps[event.key]) view.panBy({ x: steps[event.key][0], y: steps[event.key][1] });
    else if (event.key === "+") view.zoomIn();
    else if (event.key === "-") view.zoomOut();
    else if (event.key === "0") view.reset();
    else return;
    event.preventDefault();
  });
  said.textContent = `${nodes.length} claims`;
});
