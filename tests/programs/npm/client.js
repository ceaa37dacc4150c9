// A client that packs and unpacks its messages with npm's iso_8583, which knows nothing of posgate.
// It sends what it reads on standard input, one message a line as JSON ({"0": "0800", "11": ...}),
// one after the other, and prints each reply as JSON.
//
// usage: node client.js PORT <messages
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');
const Message = require(require.resolve('iso_8583', { paths: [process.env.POSGATE_NPM || __dirname] }));

const TIMEOUT_MS = 20000;
const messages = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));

function fail(text) {
  process.stderr.write(path.basename(__filename) + ': ' + text + '\n');
  process.exit(1);
}

function pack(fields) {
  const buffer = new Message(fields).getBufferMessage();
  return Buffer.isBuffer(buffer) ? buffer : fail('cannot pack: ' + JSON.stringify(buffer));
}

function unpack(frame) {
  const fields = new Message().getIsoJSON(frame);
  return fields.error ? fail('cannot unpack: ' + JSON.stringify(fields)) : fields;
}

const link = net.connect(Number(process.argv[2]), '127.0.0.1');
let held = Buffer.alloc(0);
let next = 0;

function send() {
  if (next === messages.length) link.end();
  else link.write(pack(messages[next++]));
}

link.setTimeout(TIMEOUT_MS, () => fail('no reply'));
link.on('error', (error) => fail(error.message));
link.on('connect', send);
link.on('data', (bytes) => {
  held = Buffer.concat([held, bytes]);
  while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
    const size = 2 + held.readUInt16BE(0);
    process.stdout.write(JSON.stringify(unpack(held.subarray(0, size))) + '\n');
    held = held.subarray(size);
    send();
  }
});
link.on('close', () => {
  if (next < messages.length) fail('the connection was closed');
});
