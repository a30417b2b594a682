// Verifies our macaroons (tests/vectors/macaroons/satgate.vtest) with npm `macaroon`: the right key
// verifies and sees every caveat; a wrong key and every changed signature do not.
import {readFileSync} from 'node:fs';
import {importMacaroon} from 'macaroon';

const file = process.argv[2] ?? new URL('../vectors/macaroons/satgate.vtest', import.meta.url);
const blocks = readFileSync(file, 'utf8').split(/\n\n+/).map((block) => {
  const vector = {caveats: []};
  for (const line of block.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [key, ...rest] = line.split(' ');
    if (key === 'caveat') vector.caveats.push(Buffer.from(rest[0], 'hex').toString('utf8'));
    else vector[key] = rest.join(' ');
  }
  return vector;
}).filter((vector) => vector.macaroon);

const fails = (action) => { try { action(); return false; } catch { return true; } };
let checked = 0;
for (const vector of blocks) {
  const key = Buffer.from(vector.key, 'hex');
  const macaroon = importMacaroon(Buffer.from(vector.macaroon, 'hex'));
  const seen = [];
  macaroon.verify(key, (caveat) => { seen.push(caveat); return null; }, []);
  const ok = JSON.stringify(seen) === JSON.stringify(vector.caveats) &&
      Buffer.from(macaroon.signature).toString('hex') === vector.signature &&
      importMacaroon(vector.text.replace(/^sg_/, '')).identifier.length > 0 &&
      fails(() => macaroon.verify(Buffer.alloc(32, 9), () => null, [])) &&
      fails(() => {
        const bytes = Buffer.from(vector.macaroon, 'hex');
        bytes[bytes.length - 1] ^= 1;
        importMacaroon(bytes).verify(key, () => null, []);
      });
  if (!ok) throw new Error(`npm macaroon disagrees with ${vector.macaroon}`);
  ++checked;
}
if (checked === 0) throw new Error('no vectors');
console.log(`npm macaroon: ${checked} macaroons verified`);
