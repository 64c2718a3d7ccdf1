// Builds foretick.node from native/*.c, the header and the static library; needs cc, and no network.
//
//   node build.js LIBRARY [OUT]
//
// LIBRARY is libforetick.a; OUT is foretick.node here when it is not given. Node's headers are those of node-api-headers
// (npm ci), else those that were installed with node.
'use strict';

const { execFileSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const include = path.join(__dirname, '../../include');

// Names only: the compiler knows what they are.
function tables(folder) {
  const header = fs.readFileSync(path.join(include, 'foretick.h'), 'utf8').replace(/\/\/[^\n]*/g, '');
  const numbers = [...header.matchAll(/^#define FORETICK_(\w+) (?:\(1ull << \d+\)|\d+)$/gm)].map((found) => `NUMBER(${found[1]})\n`);
  const records = [...header.matchAll(/typedef struct foretick_(\w+)_t \{([^}]*)\}/g)];
  const fields = records.flatMap(([, record, body]) => [...body.matchAll(/(\w+)(?:\[\w+\])?;/g)].map((field) => `FIELD(${record}, ${field[1]})\n`));
  fs.writeFileSync(path.join(folder, 'constants.inc'), numbers.join(''));
  fs.writeFileSync(path.join(folder, 'fields.inc'), fields.join(''));
}

function headers() {
  const beside = path.join(path.dirname(path.dirname(fs.realpathSync(process.execPath))), 'include/node');
  const known = [path.join(__dirname, 'node_modules/node-api-headers/include'), beside];
  const found = known.find((folder) => fs.existsSync(path.join(folder, 'node_api.h')));
  if (!found) throw new Error(`node_api.h is in none of ${known.join(', ')}: run npm ci in ${__dirname}`);
  return found;
}

function build(library, out) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'foretick-'));
  try {
    tables(folder);
    const sources = fs.readdirSync(path.join(__dirname, 'native')).filter((name) => name.endsWith('.c'));
    const files = sources.map((name) => path.join(__dirname, 'native', name));
    const flags = ['-std=c11', '-O2', '-fPIC', '-shared', '-fvisibility=hidden', '-Wall', '-Wextra', '-Werror'];
    // The library has threads of its own, so that the addon must stay mapped; of its symbols none is seen outside.
    const link = ['-Wl,--gc-sections', '-Wl,--exclude-libs,ALL', '-Wl,-z,nodelete', '-Wl,-s', '-lpthread', '-ldl', '-lm', '-lgcc_s'];
    const args = [...flags, '-I', include, '-I', folder, '-isystem', headers(), ...files, library, ...link, '-o', out];
    execFileSync(process.env.CC || 'cc', args, { stdio: 'inherit' });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

if (process.argv.length < 3) {
  console.error('usage: node build.js LIBRARY [OUT]');
  process.exit(2);
}
build(process.argv[2], process.argv[3] || path.join(__dirname, 'foretick.node'));
