// Standard input: a JSON list of {tex, display}. Standard output: a list of {html} or {error}.
const katex = require(process.argv[2]);
const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", () => {
  const answers = JSON.parse(Buffer.concat(chunks).toString()).map(({ tex, display }) => {
    try {
      const html = katex.renderToString(tex, { displayMode: display, throwOnError: true, output: "htmlAndMathml", strict: "ignore" });
      return { html };
    } catch (error) {
      return { error: String(error.message) };
    }
  });
  process.stdout.write(JSON.stringify(answers));
});
