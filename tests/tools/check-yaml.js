// node check-yaml.js SCHEMA FILE...: what an editor would mark in each file, by yaml-language-server over stdio; a line `FILE:LINE:COLUMN MESSAGE`
// for each mark, then `N files checked`.
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');

const [schema, ...files] = process.argv.slice(2).map(f => path.resolve(f));
const server = spawn('node', [path.join(__dirname, 'node_modules/yaml-language-server/bin/yaml-language-server'), '--stdio']);
const settings = { validate: true, schemaStore: { enable: false }, schemas: { ['file://' + schema]: '*.yaml' } };
const waiting = new Map(files.map(f => ['file://' + f, f]));
let buffer = Buffer.alloc(0);

const send = message => {
  const text = JSON.stringify({ jsonrpc: '2.0', ...message });
  server.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
};

const receive = message => {
  if (message.id === 1) {
    send({ method: 'initialized', params: {} });
    send({ method: 'workspace/didChangeConfiguration', params: { settings: { yaml: settings } } });
    for (const [uri, file] of waiting) {
      // The modeline of an example names the committed schema; it is dropped so that the one under test decides.
      const text = fs.readFileSync(file, 'utf8').replace(/^# yaml-language-server:.*/m, '#');
      send({ method: 'textDocument/didOpen', params: { textDocument: { uri, languageId: 'yaml', version: 1, text } } });
    }
  } else if (message.method === 'workspace/configuration') {
    send({ id: message.id, result: message.params.items.map(i => (i.section === 'yaml' ? settings : null)) });
  } else if (message.method === 'textDocument/publishDiagnostics') {
    for (const d of message.params.diagnostics) {
      console.log(`${path.basename(message.params.uri)}:${d.range.start.line + 1}:${d.range.start.character + 1} ${d.message.split('\n')[0]}`);
    }
    waiting.delete(message.params.uri);
    if (waiting.size === 0) {
      console.log(`${files.length} files checked`);
      server.kill();
      process.exit(0);
    }
  } else if (message.method && message.id !== undefined) {
    send({ id: message.id, result: null });
  }
};

server.stdout.on('data', data => {
  buffer = Buffer.concat([buffer, data]);
  for (;;) {
    const head = buffer.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = +/Content-Length: (\d+)/i.exec(buffer.subarray(0, head).toString())[1];
    if (buffer.length < head + 4 + length) return;
    const body = buffer.subarray(head + 4, head + 4 + length).toString();
    buffer = buffer.subarray(head + 4 + length);
    receive(JSON.parse(body));
  }
});
send({ id: 1, method: 'initialize', params: { processId: process.pid, rootUri: null, capabilities: { workspace: { configuration: true } } } });
setTimeout(() => { console.log('timeout'); server.kill(); process.exit(1); }, 60000);
