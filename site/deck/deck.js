// Slides are 1280 x 720, scaled to the screen. A formula that is too large for its place is set
// smaller when it is shown.
const fit = () => {
  for (const box of Reveal.getCurrentSlide().querySelectorAll(".statement, p .katex-display, li .katex-display")) {
    const formulas = [...box.querySelectorAll(".katex-html")].map((formula) => formula.getBoundingClientRect());
    const room = box.getBoundingClientRect();
    const tall = box.classList.contains("statement") ? room.height / Math.max(...formulas.map((one) => one.height)) : 1;
    const share = Math.min(1, tall, room.width / Math.max(...formulas.map((one) => one.width)));
    if (share < 1) box.style.fontSize = `${Math.floor(parseFloat(getComputedStyle(box).fontSize) * share) - 1}px`;
  }
};
Reveal.on("slidechanged", fit);
Reveal.initialize({
  width: 1280, height: 720, margin: 0, center: false, controls: false, hash: true, slideNumber: "c/t", transition: "none",
  plugins: [RevealNotes],
}).then(() => document.fonts.ready).then(() => {
  fit();
  document.documentElement.dataset.ready = "yes";
});
