// node ask-yaml.js SCHEMA FILE completion|hover LINE COLUMN: what an editor offers or shows there (both from 1), by yaml-language-server. Of completions a line
// `LABEL` or `LABEL: DOCUMENTATION` for each; of a hover its text.
const { open, uriOf } = require('./yaml-server');

const [schema, file, what, line, column] = process.argv.slice(2);
const at = { textDocument: { uri: uriOf(file) }, position: { line: +line - 1, character: +column - 1 } };
const text = value => (typeof value === 'string' ? value : value && value.value) || '';
// Once it has marked the file it knows the schema.
let asked = false;
const server = open(schema, [file], {
  onMarks: () => asked || (asked = true, server.request(`textDocument/${what}`, at, result => {
    if (what === 'completion') {
      for (const item of (result && result.items) || []) {
        const words = text(item.documentation).split('\n')[0];
        console.log(words ? `${item.label}: ${words}` : item.label);
      }
    } else {
      console.log(text(result && result.contents));
    }
    server.end(0);
  })),
});
