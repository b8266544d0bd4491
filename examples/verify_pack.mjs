// Checks an evidence pack of stillhunt. Written from docs/pack-format.md alone, and shares no code with stillhunt;
// "section N" below is a section of that page. Needs Node.js 18 or later and nothing else.
//
// The method is always the same: compute what the bytes must be, and compare. So there is no second way to read a
// pack in which something could hide, and what the pack says is never obeyed.

import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

const HELP = `usage: node verify_pack.mjs PACK.zip FINGERPRINT

Checks that an evidence pack is, byte for byte, what the key with this fingerprint signed. FINGERPRINT is the SHA-256
of the key in DER, 64 lower-case hexadecimal digits; get it from the signer by another way than the pack.

Prints one line. Exit status: 0 the pack is as it was signed, 1 it is not (the line says why), 2 wrong usage.

Not checked: the signature in timestamp.tsr and what it stamps (section 6 of docs/pack-format.md does it with openssl).
That the file is the one which the signer put there is checked.`;

const MAX_BYTES = 1073741824;
const MAX_ENTRIES = 1000;
const MAX_MANIFEST = 16777216;
const MAX_DEPTH = 100; // of the header, which is itself the first level
const NAME = /^[a-z0-9][a-z0-9_.-]{0,99}(\/[a-z0-9][a-z0-9_.-]{0,99})?$/;
const MANIFEST = 'manifest.dsse.json';
const TIME_STAMP = 'timestamp.tsr';
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const PREDICATE_TYPE = 'urn:stillhunt:evidence-pack:v1';

function demand(condition, reason) {
  if (!condition) throw new Error(reason);
}

const hex = (bytes) => bytes.toString('hex');
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

// ---- Section 1: the archive ----

const CRC_TABLE = new Uint32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

// zlib.crc32 exists only since Node.js 20.15.
function crc32(bytes) {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// A record of the archive from [size, value] pairs, as in the tables of the page.
function record(...fields) {
  const bytes = fields.flatMap(([size, value]) => [value, value >>> 8, value >>> 16, value >>> 24].slice(0, size));
  return Buffer.from(bytes); // takes the lowest 8 bits of each
}

// The local header and its twin in the central directory, with the fields that both have in between.
function headers({ name, content, offset }) {
  const sizes = [[4, content.length], [4, content.length], [2, name.length]];
  const both = [[2, 20], [2, 0], [2, 0], [2, 0], [2, 0x0021], [4, crc32(content)], ...sizes];
  const more = [[2, 0], [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]];
  return {
    local: Buffer.concat([record([4, 0x04034b50], ...both, [2, 0]), Buffer.from(name)]),
    central: Buffer.concat([record([4, 0x02014b50], [2, 20], ...both, ...more), Buffer.from(name)]),
  };
}

// Reads names and contents from the local headers, then writes everything else anew and compares.
// Contents are views into the file, so a wrong size cannot make this allocate anything.
function readArchive(file) {
  const entries = [];
  let at = 0;
  while (at + 30 <= file.length && file.readUInt32LE(at) === 0x04034b50) {
    demand(entries.length < MAX_ENTRIES, `the archive has more than ${MAX_ENTRIES} entries`);
    const size = file.readUInt32LE(at + 18);
    const start = at + 30 + file.readUInt16LE(at + 26);
    demand(start + size <= file.length, `the archive ends inside entry ${entries.length + 1}`);
    const name = file.toString('latin1', at + 30, start);
    demand(NAME.test(name), `entry ${entries.length + 1} has a name that is not allowed`);
    // Strictly ascending, hence unique. All names are ASCII, so comparing strings compares bytes.
    demand(entries.length === 0 || entries.at(-1).name < name, `the entry ${name} is not in order`);
    const content = file.subarray(start, start + size);
    const { local, central } = headers({ name, content, offset: at });
    demand(local.equals(file.subarray(at, start)), `the entry ${name} has a wrong CRC-32 or local header`);
    entries.push({ name, content, central });
    at = start + size;
  }
  demand(entries.length > 0, 'it does not begin with an entry of a ZIP archive');
  const count = entries.length;
  const central = Buffer.concat(entries.map((entry) => entry.central));
  const end = record([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, central.length], [4, at], [2, 0]);
  const right = Buffer.concat([central, end]).equals(file.subarray(at));
  demand(right, 'what follows the last entry is not exactly the central directory of the entries');
  return entries;
}

// ---- Section 2: the envelope ----

// Takes the key out of the one form that an Ed25519 key has in PEM. createPublicKey alone would not do: it also takes
// private keys and certificates, and text before and after.
function readKey(pem, fingerprint) {
  const der = Buffer.from(pem.toString('latin1', 27, 87), 'base64'); // 60 characters, 44 bytes
  const anew = `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`;
  demand(pem.equals(Buffer.from(anew)), 'signer.pub is not an Ed25519 public key in PEM');
  demand(hex(sha256(der)) === fingerprint, `signer.pub is another key, with the fingerprint ${hex(sha256(der))}`);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  demand(key.asymmetricKeyType === 'ed25519', 'signer.pub is not an Ed25519 key');
  return key;
}

// There is one way to write the envelope, so payload and signature stand at known places, and no JSON parser has to
// see it. Buffer.from ignores what is not base64; writing the envelope anew finds that out, and all else.
function openEnvelope(content, key, fingerprint) {
  demand(content.length <= MAX_MANIFEST, `${MANIFEST} is larger than ${MAX_MANIFEST} bytes`);
  const head = '{"payload":"';
  const middle = `","payloadType":"${PAYLOAD_TYPE}","signatures":[{"keyid":"${fingerprint}","sig":"`;
  const end = '"}]}';
  const endAt = content.length - end.length;
  const signatureAt = endAt - 88; // 64 bytes in base64
  const payload = Buffer.from(content.toString('latin1', head.length, signatureAt - middle.length), 'base64');
  const signature = Buffer.from(content.toString('latin1', signatureAt, endAt), 'base64');
  const anew = head + payload.toString('base64') + middle + signature.toString('base64') + end;
  demand(content.equals(Buffer.from(anew)), `${MANIFEST} is not a canonical envelope with one signature of this key`);
  const preamble = Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `);
  demand(verify(null, Buffer.concat([preamble, payload]), key, signature), 'the signature is wrong');
  return payload;
}

// ---- Section 3: the statement ----

// Demands that a text is one object in canonical JSON. It builds nothing, because its content is not needed: it only
// walks along. Members must strictly ascend (JavaScript compares UTF-16 units, as RFC 8785 does), so none comes twice.
function demandCanonicalObject(text) {
  let at = 0;
  const bad = (why) => demand(false, `the header of the statement is not canonical JSON: ${why} at character ${at}`);
  const take = (pattern) => { // sticky patterns only
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found) at += found.length;
    return found;
  };
  const string = () => {
    if (!take(/"/y)) bad('no string');
    // Only these escapes are canonical. That leaves out lone surrogates, which can be written only as \ud800 to \udfff.
    while (take(/[^"\\\u0000-\u001f]+|\\["\\bfnrt]|\\u00(?:0[0-7bef]|1[0-9a-f])/y));
    if (!take(/"/y)) bad('a wrong string');
  };
  const value = (depth) => {
    if (depth > MAX_DEPTH) bad('too many levels');
    if (take(/\{\}|\[\]|true|false|null/y)) return;
    if (take(/\{/y)) {
      let last;
      do {
        const start = at;
        string();
        const name = JSON.parse(text.slice(start, at));
        if (last !== undefined && !(last < name)) bad('members not in order, or twice');
        last = name;
        if (!take(/:/y)) bad('no colon');
        value(depth + 1);
      } while (take(/,/y));
      if (!take(/\}/y)) bad('an object does not end');
    } else if (take(/\[/y)) {
      do value(depth + 1); while (take(/,/y));
      if (!take(/\]/y)) bad('an array does not end');
    } else if (text[at] === '"') {
      string();
    } else {
      const token = take(/-?[0-9][0-9.eE+-]*/y);
      const number = Number(token);
      if (String(number) !== token) bad('a wrong value'); // JavaScript writes numbers as RFC 8785 wants them
      if (Number.isInteger(number) && !Number.isSafeInteger(number)) bad('a whole number that is too large');
    }
  };
  if (text[0] !== '{') bad('no object');
  value(1);
  if (at !== text.length) bad('more text');
}

function checkHeader(text, fingerprint) {
  demandCanonicalObject(text);
  const pack = JSON.parse(text).pack; // not before its form was checked
  demand(pack?.version === 1, 'the pack is of another version than this verifier knows');
  demand(pack.signer === fingerprint, 'the header of the statement names another signer');
}

// The Merkle tree hash of RFC 6962, section 2.1.
function merkleTreeHash(lines) {
  if (lines.length === 1) return sha256(Buffer.of(0), lines[0]);
  let k = 1;
  while (k * 2 < lines.length) k *= 2;
  return sha256(Buffer.of(1), merkleTreeHash(lines.slice(0, k)), merkleTreeHash(lines.slice(k)));
}

// Everything in the statement but the header follows from the entries. So the length of what stands before and after
// the header is known, the header can be cut out, and all the rest is computed and compared.
function checkStatement(payload, entries, fingerprint) {
  const subjects = entries.filter(({ name }) => name !== MANIFEST)
    .map(({ name, content }) => ({ name, bytes: content.length, digest: hex(sha256(content)) }));
  const files = subjects.filter(({ name }) => name !== TIME_STAMP);
  const fileRecords = (links) => files.map(({ name, bytes, digest }, i) =>
    `{"bytes":${bytes},"chain":"${links[i]}","name":"${name}","sha256":"${digest}"}`);
  const subjectRecords = subjects.map(({ name, digest }) => `{"digest":{"sha256":"${digest}"},"name":"${name}"}`);
  const before = (links) =>
    `{"_type":"https://in-toto.io/Statement/v1","predicate":{"files":[${fileRecords(links).join(',')}],"header":`;
  const after = (root) =>
    `,"merkleRoot":"${root}"},"predicateType":"${PREDICATE_TYPE}","subject":[${subjectRecords.join(',')}]}`;

  // Links and root depend on the header, but their lengths do not.
  const unknown = '?'.repeat(64);
  const headerAt = before(files.map(() => unknown)).length;
  const headerEnd = payload.length - after(unknown).length;
  demand(headerAt < headerEnd, 'the entries are not those that were signed: the statement is too short for them');
  // Only to give a better reason; the comparison at the end would refuse this too.
  const changed = subjects.find((_, i) => !payload.includes(subjectRecords[i], headerEnd));
  demand(!changed, `not as it was signed: ${changed?.name}`);

  const header = payload.subarray(headerAt, headerEnd);
  const headerText = header.toString('utf8');
  demand(Buffer.from(headerText).equals(header), 'the header of the statement is not in UTF-8, or not in its place');
  checkHeader(headerText, fingerprint);

  const lines = [`${hex(sha256(header))}  header\n`, ...files.map(({ name, digest }) => `${digest}  ${name}\n`)];
  const links = [];
  for (const line of lines) links.push(hex(sha256(links.at(-1) ?? '', line)));
  const root = hex(merkleTreeHash(lines));
  const statement = Buffer.concat([Buffer.from(before(links.slice(1))), header, Buffer.from(after(root))]);
  demand(statement.equals(payload), 'the statement is not that of the entries: names, sizes, chain or root');
}

function verifyPack(path, fingerprint) {
  const stat = statSync(path);
  demand(stat.isFile(), 'not a file'); // a pipe or a device may have no end
  demand(stat.size <= MAX_BYTES, `larger than ${MAX_BYTES} bytes`);
  const entries = readArchive(readFileSync(path));
  const contents = new Map(entries.map(({ name, content }) => [name, content]));
  for (const name of [MANIFEST, 'signer.pub']) demand(contents.has(name), `the entry ${name} is missing`);
  const key = readKey(contents.get('signer.pub'), fingerprint);
  checkStatement(openEnvelope(contents.get(MANIFEST), key, fingerprint), entries, fingerprint);
  const stamp = contents.has(TIME_STAMP) ? '; the signature in timestamp.tsr was not checked' : '';
  return `accepted: all ${entries.length} entries are as the key ${fingerprint} signed them${stamp}`;
}

const args = process.argv.slice(2);
if (args.length === 1 && args[0] === '--help') {
  console.log(HELP);
} else if (args.length !== 2 || !/^[0-9a-f]{64}$/.test(args[1])) {
  console.error(HELP);
  process.exitCode = 2;
} else {
  try {
    console.log(verifyPack(...args));
  } catch (error) { // also those of Node.js: a file that cannot be read, or a manifest too long for a string
    console.log(`refused: ${error.message.split('\n')[0]}`);
    process.exitCode = 1;
  }
}
