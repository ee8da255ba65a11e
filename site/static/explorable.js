// One explorable: a slider over the rows of a csv file; lines, a marker on each, and the numbers in words.
document.addEventListener("DOMContentLoaded", () => {
  const colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"];
  const space = "http://www.w3.org/2000/svg";
  const words = (x) => (x === 0 ? "0" : Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5 ? x.toExponential(1) : String(Number(x.toPrecision(3))));

  document.querySelectorAll(".explorable").forEach((box) => {
    const data = JSON.parse(box.querySelector("script").textContent);
    const slider = box.querySelector("input"), said = box.querySelector("output"), picture = box.querySelector("svg");
    const keys = Object.keys(data.series), steps = data.steps, log = data.log || [];
    const scale = (x, on) => (on ? Math.log10(Math.max(x, 1e-18)) : x);
    const xs = steps.map((step) => scale(step.at, log.includes("x")));
    const all = steps.flatMap((step) => Object.values(step.values)).map((y) => scale(y, log.includes("y")));
    const [left, right, top, bottom] = [60, 625, 12, 262];
    const span = (values) => { const a = Math.min(...values), b = Math.max(...values); return [a, b === a ? a + 1 : b]; };
    const [x0, x1] = span(xs), [y0, y1] = span(all);
    const px = (x) => left + ((x - x0) / (x1 - x0)) * (right - left);
    const py = (y) => bottom - ((y - y0) / (y1 - y0)) * (bottom - top);

    function add(name, attributes, text) {
      const element = document.createElementNS(space, name);
      Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
      if (text !== undefined) element.textContent = text;
      picture.appendChild(element);
      return element;
    }
    const ink = { stroke: "currentColor", "stroke-width": 1 };
    add("line", { x1: left, y1: bottom, x2: right, y2: bottom, ...ink });
    add("line", { x1: left, y1: top, x2: left, y2: bottom, ...ink });
    const label = (value, on) => (on ? words(10 ** value) : words(value));
    [0, 0.5, 1].forEach((share) => {
      const x = x0 + share * (x1 - x0), y = y0 + share * (y1 - y0);
      add("text", { x: px(x), y: bottom + 16, "text-anchor": "middle", "font-size": 12, fill: "currentColor" }, label(x, log.includes("x")));
      add("text", { x: left - 6, y: py(y) + 4, "text-anchor": "end", "font-size": 12, fill: "currentColor" }, label(y, log.includes("y")));
    });
    add("text", { x: right, y: bottom + 33, "text-anchor": "end", "font-size": 12, fill: "currentColor" }, data.slider_label);
    keys.forEach((key, number) => {
      const points = steps.filter((step) => key in step.values).map((step) => `${px(scale(step.at, log.includes("x")))},${py(scale(step.values[key], log.includes("y")))}`);
      add("polyline", { points: points.join(" "), fill: "none", stroke: colours[number], "stroke-width": 2, "stroke-dasharray": number ? `${9 - number} ${number + 1}` : "none" });
    });
    const rule = add("line", { y1: top, y2: bottom, stroke: "currentColor", "stroke-width": 1, "stroke-dasharray": "2 3" });
    const dots = keys.map((key, number) => add("circle", { r: 5, fill: colours[number] }));

    function move() {
      const step = steps[Number(slider.value)], x = px(scale(step.at, log.includes("x")));
      rule.setAttribute("x1", x);
      rule.setAttribute("x2", x);
      said.replaceChildren();
      const parts = [`${data.slider_label} ${words(step.at)}`];
      said.append(`${parts[0]}: `);
      keys.forEach((key, number) => {
        const there = key in step.values;
        dots[number].setAttribute("visibility", there ? "visible" : "hidden");
        if (!there) return;
        dots[number].setAttribute("cx", x);
        dots[number].setAttribute("cy", py(scale(step.values[key], log.includes("y"))));
        const text = `${data.series[key]} ${words(step.values[key])}${data.unit ? ` ${data.unit}` : ""}`;
        const mark = document.createElement("span");
        mark.style.borderLeft = `0.7em solid ${colours[number]}`;
        mark.style.paddingLeft = "0.3em";
        mark.textContent = text;
        said.append(mark, "  ");
        parts.push(text);
      });
      if (data.say) {
        const [first, relation, second, yes, no] = data.say;
        const a = step.values[first], b = step.values[second];
        if (a !== undefined && b !== undefined) {
          const verdict = (relation === "<=" ? a <= b : a >= b) ? yes : no;
          said.append(verdict);
          parts.push(verdict);
        }
      }
      slider.setAttribute("aria-valuetext", parts.join("; "));
    }
    slider.addEventListener("input", move);
    move();
  });
});
