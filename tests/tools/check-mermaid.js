// node check-mermaid.js PAGE...: draws nothing; reads each ```mermaid block of the pages with Mermaid's own parser, and prints the charts as JSON:
// page, nodes with their labels as a reader sees them, edges. The exit code is 1 when a chart is none.
const { readFileSync } = require('node:fs');
const { JSDOM } = require('jsdom');

const { window } = new JSDOM('');
globalThis.window = window;
globalThis.document = window.document;

// Mermaid writes #35; as a mark of its own until it draws, and then as HTML.
const seen = label => {
  const html = label.replaceAll('ﬂ°°', '&#').replaceAll('ﬂ°', '&').replaceAll('¶ß', ';').replaceAll(/<br\s*\/?>/g, '\n');
  const text = window.document.createElement('textarea');
  text.innerHTML = html;
  return text.value;
};

(async () => {
  const mermaid = (await import('mermaid')).default;
  const charts = [];
  for (const page of process.argv.slice(2)) {
    for (const [, chart] of readFileSync(page, 'utf8').matchAll(/^```mermaid\n([\s\S]*?)^```$/gm)) {
      try {
        await mermaid.parse(chart);
        const { db } = await mermaid.mermaidAPI.getDiagramFromText(chart);
        charts.push({
          page,
          nodes: [...db.getVertices().values()].map(v => ({ id: v.id, label: seen(v.text ?? '') })),
          edges: db.getEdges().map(e => ({ from: e.start, to: e.end, label: seen(e.text ?? '') })),
        });
      } catch (error) {
        console.log(`${page}: ${error.message}`);
        process.exitCode = 1;
      }
    }
  }

  console.log(JSON.stringify(charts));
})();
