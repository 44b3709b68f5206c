// node check-yaml.js SCHEMA FILE...: what an editor would mark in each file, by yaml-language-server; a line `FILE:LINE:COLUMN MESSAGE` for each mark, then
// `N files checked`.
const path = require('path');
const { open, uriOf } = require('./yaml-server');

const [schema, ...files] = process.argv.slice(2);
const waiting = new Set(files.map(uriOf));
const server = open(schema, files, {
  onMarks: (uri, marks) => {
    for (const d of marks) {
      console.log(`${path.basename(uri)}:${d.range.start.line + 1}:${d.range.start.character + 1} ${d.message.split('\n')[0]}`);
    }
    waiting.delete(uri);
    if (waiting.size === 0) {
      console.log(`${files.length} files checked`);
      server.end(0);
    }
  },
});
