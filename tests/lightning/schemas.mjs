// Checks an answer against what the project itself publishes (schemas/, with sources and licences).
import fs from 'node:fs';
import Ajv from 'ajv';

const read = (name) => JSON.parse(fs.readFileSync(new URL(`schemas/${name}.json`,
  import.meta.url)));
const hexOf = (bytes) => ({ type: 'string', pattern: `^[0-9a-f]{${bytes * 2}}$` });
const unsigned = { type: 'integer', minimum: 0 };
// Core Lightning's own types.
const CLN_TYPES = { hash: hexOf(32), secret: hexOf(32), txid: hexOf(32), pubkey: hexOf(33),
  hex: { type: 'string', pattern: '^([0-9a-f]{2})*$' }, u16: unsigned, u32: unsigned,
  u64: unsigned, msat: unsigned };

const ajv = new Ajv({ strict: false, allErrors: true, formats: { int64: /^-?\d+$/, uint64: /^\d+$/,
  byte: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, int32: true } });
ajv.addSchema({ $id: 'lnd', definitions: walk(read('lnd').definitions, forLnd) });

// LND leaves out nothing: a message that is not there is null. What is not in its file is wrong.
function forLnd(schema) {
  if (schema.properties) schema.additionalProperties = false;
  if (schema.format === 'int64' && schema.type === 'integer') delete schema.format;
  for (const [name, value] of Object.entries(schema.properties ?? {})) {
    if (name === 'blinded_path_config') schema.properties[name] = { anyOf: [value,
      { type: 'null' }] };
  }
}

function forCln(schema) {
  if (typeof schema.type !== 'string' || !CLN_TYPES[schema.type]) return;
  const own = CLN_TYPES[schema.type];
  delete schema.type;
  Object.assign(schema, own);
}

function walk(value, change) {
  if (value === null || typeof value !== 'object') return value;
  for (const inner of Object.values(value)) walk(inner, change);
  if (!Array.isArray(value)) change(value);
  return value;
}

const compiled = new Map();
// Throws with what is wrong. `name`: "lnd lnrpcInvoice", "cln xpay".
export function checkAnswer(name, value) {
  if (!compiled.has(name)) {
    const [project, part] = name.split(' ');
    compiled.set(name, ajv.compile(project === 'lnd' ? { $ref: `lnd#/definitions/${part}` }
      : walk(read('cln')[part], forCln)));
  }
  const valid = compiled.get(name);
  if (!valid(value)) {
    throw new Error(`${name}: ${ajv.errorsText(valid.errors)} in ${JSON.stringify(value)}`);
  }
}
