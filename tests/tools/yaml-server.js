// yaml-language-server over stdio, as an editor talks to it: open(SCHEMA, FILES, { onMarks }) gives { request(method, params, then), end() }.
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');

exports.uriOf = file => 'file://' + path.resolve(file);

// The modeline of an example names the committed schema; it is dropped so that the one under test decides.
exports.textOf = file => fs.readFileSync(file, 'utf8').replace(/^# yaml-language-server:.*/m, '#');

exports.open = (schema, files, { onMarks }) => {
  const server = spawn('node', [path.join(__dirname, 'node_modules/yaml-language-server/bin/yaml-language-server'), '--stdio']);
  const settings = { validate: true, completion: true, hover: true, schemaStore: { enable: false }, schemas: { [exports.uriOf(schema)]: '*.yaml' } };
  const waiting = new Map();
  let buffer = Buffer.alloc(0);
  let last = 1;

  const send = message => {
    const text = JSON.stringify({ jsonrpc: '2.0', ...message });
    server.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  };

  const receive = message => {
    if (message.id === 1 && !message.method) {
      send({ method: 'initialized', params: {} });
      send({ method: 'workspace/didChangeConfiguration', params: { settings: { yaml: settings } } });
      for (const file of files) {
        send({ method: 'textDocument/didOpen', params: { textDocument: { uri: exports.uriOf(file), languageId: 'yaml', version: 1, text: exports.textOf(file) } } });
      }
    } else if (message.method === 'workspace/configuration') {
      send({ id: message.id, result: message.params.items.map(i => (i.section === 'yaml' ? settings : null)) });
    } else if (message.method === 'textDocument/publishDiagnostics') {
      onMarks(message.params.uri, message.params.diagnostics);
    } else if (message.method && message.id !== undefined) {
      send({ id: message.id, result: null });
    } else if (waiting.has(message.id)) {
      const then = waiting.get(message.id);
      waiting.delete(message.id);
      then(message.result);
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
  send({ id: 1, method: 'initialize', params: { processId: process.pid, rootUri: null, capabilities: { workspace: { configuration: true }, textDocument: { hover: { contentFormat: ['plaintext'] } } } } });

  const end = code => { server.kill(); process.exit(code); };
  setTimeout(() => { console.log('timeout'); end(1); }, 60000);
  return {
    request: (method, params, then) => { last += 1; waiting.set(last, then); send({ id: last, method, params }); },
    end,
  };
};
