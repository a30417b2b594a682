// Prints macaroon vectors made by npm `macaroon` (see README.md).
import {createHash} from 'node:crypto';
import {createRequire} from 'node:module';

const require = createRequire(new URL('../../interop/package.json', import.meta.url));
const {newMacaroon} = require('macaroon');

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const utf8 = (text) => Buffer.from(text, 'utf8');

const secret = Buffer.from(Array.from({length: 32}, (_, i) => i + 1));
const keyId =
  createHash('sha256').update('satgate-key-id\0').update(secret).digest('hex').slice(0, 12);
const ours = `sg1.${keyId}.00112233445566778899aabbccddeeff`;

const everyCaveat = [
  'expires = 2030-01-01T00:00:00Z', 'budget_max = 50.00', 'budget_hourly = 5',
  'budget_daily = $10', 'budget_monthly = 100 credits', 'call_max = 0.25',
  'endpoints = /translate/*, /api/v1/search?source=arxiv', 'methods = GET,POST',
  'tools = search, files.*', 'tools_deny = files.delete', 'models = gpt-4o*',
  'audience = https://gateway.example', 'upstream = openai', 'rate_limit = 10/min',
  'max_depth = 3', 'holder = agent-7', 'label.team = Übersetzung',
];

function print(comment, {key, location, identifier, caveats, thirdParty = 0}) {
  const macaroon = newMacaroon({version: 2, rootKey: key, identifier, location});
  for (const caveat of caveats) macaroon.addFirstPartyCaveat(caveat);
  for (let i = 0; i < thirdParty; ++i) {
    macaroon.addThirdPartyCaveat(utf8('third key'), utf8(`third ${i}`), 'https://third.example');
  }
  const third = Array.from({length: thirdParty}, (_, i) => utf8(`third ${i}`));
  const ids = [...caveats.map(utf8), ...third];
  console.log(`# ${comment}`);
  console.log(`key ${hex(key)}`);
  if (location) console.log(`location ${location}`);
  console.log(`identifier ${hex(identifier)}`);
  for (const id of ids) console.log(`caveat ${hex(id)}`);
  if (thirdParty) console.log(`third-party ${thirdParty}`);
  console.log(`signature ${hex(macaroon.signature)}`);
  // 3.0.4 doubles its buffer at every append beyond 200 bytes and runs out of memory: of larger
  // macaroons only the signature is taken.
  const size = ids.reduce((sum, id) => sum + id.length + 6, identifier.length + 60);
  if (size + thirdParty * 120 < 200) console.log(`macaroon ${hex(macaroon.exportBinary())}`);
  console.log('');
}

const base = {key: secret, location: 'satgate', identifier: utf8(ours), caveats: []};
print('no caveat', base);
print('no location', {...base, location: undefined});
for (const caveat of everyCaveat) print(caveat, {...base, caveats: [caveat]});
print('every caveat', {...base, caveats: everyCaveat});
print('a root key of another length', {...base, key: utf8('this is our super secret key')});
print('a caveat of 127, 128 and 300 bytes: the length takes two bytes',
      {...base, caveats: [127, 128, 300].map((n) => 'tools = ' + 'a'.repeat(n - 8))});
print('an L402 identifier of 66 bytes',
      {...base, location: 'lsat', identifier: Buffer.concat([Buffer.alloc(2), secret, secret]),
       caveats: ['services=api:0']});
print('a third-party caveat', {...base, caveats: ['holder = a'], thirdParty: 1});
