// One explorable: every position was drawn and put into words when the site was built; here marks move and words change.
document.querySelectorAll(".explorable").forEach((box) => {
  const data = JSON.parse(box.querySelector("script").textContent);
  const slider = box.querySelector("input"), choice = box.querySelector("select"), said = box.querySelector("output");
  const groups = box.querySelectorAll("g.choice"), marks = box.querySelectorAll(".mark"), rule = box.querySelector(".rule");

  function move() {
    const chosen = choice ? choice.value : groups[0].dataset.choice;
    groups.forEach((group) => group.toggleAttribute("hidden", group.dataset.choice !== chosen));
    const [x, heights, [at, numbers, verdicts]] = data.marks[chosen][Number(slider.value)];
    rule.setAttribute("transform", `translate(${x})`);
    const words = [document.createTextNode(`${data.label} = ${at}: `)];
    marks.forEach((mark, k) => {
      mark.setAttribute("transform", `translate(${x} ${heights[k]})`);
      const name = document.createElement("span");
      name.className = `s${k}`;
      name.textContent = `${data.names[k]} ${numbers[k]}`;
      words.push(name, document.createTextNode(k + 1 < marks.length ? "; " : ". "));
    });
    const strong = document.createElement("strong");
    strong.textContent = verdicts.join(" ");
    said.replaceChildren(...words, strong);
    slider.setAttribute("aria-valuetext", said.textContent.trim());
  }
  slider.addEventListener("input", move);
  if (choice) choice.addEventListener("input", move);
  move();
});
