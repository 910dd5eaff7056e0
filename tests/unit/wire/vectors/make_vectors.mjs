// Writes polkadot.json: vectors made by @polkadot/util-crypto.
//
//   npm install @polkadot/util-crypto@14.0.3
//   node make_vectors.mjs > polkadot.json
//
// A message is {hex, repeat}: so many copies of these bytes. sr25519 signatures are randomised: each run writes other ones.
import { createHash } from 'node:crypto';
import { hexToU8a, stringToU8a, u8aToHex, u8aWrapBytes } from '@polkadot/util';
import {
  cryptoWaitReady, ed25519PairFromSeed, ed25519Sign, encodeAddress, mnemonicToMiniSecret, sr25519PairFromSeed,
  sr25519Sign,
} from '@polkadot/util-crypto';

await cryptoWaitReady();

const hex = (bytes) => u8aToHex(bytes).slice(2);
const seedOf = (number) => createHash('sha256').update(`dojo vector ${number}`).digest();
const pairFromSeed = { sr25519: sr25519PairFromSeed, ed25519: ed25519PairFromSeed };
const signWith = { sr25519: sr25519Sign, ed25519: ed25519Sign };
const schemes = ['sr25519', 'ed25519'];

function messageOf(size) {
  const length = [251, 13, 7, 5, 4, 3, 2, 1].find((candidate) => size % candidate === 0);
  const pattern = Uint8Array.from({ length }, (_, i) => (11 * i + length) % 256);
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += length) bytes.set(pattern, at);
  return { bytes, described: { hex: hex(pattern), repeat: size / length } };
}

function key(scheme, number) {
  const seed = seedOf(number);
  const { publicKey } = pairFromSeed[scheme](seed);
  return { scheme, seed: hex(seed), public: hex(publicKey), address: encodeAddress(publicKey, 42) };
}

function signature(scheme, number, size) {
  const pair = pairFromSeed[scheme](seedOf(number));
  const { bytes, described } = messageOf(size);
  return { scheme, public: hex(pair.publicKey), message: described, signature: hex(signWith[scheme](bytes, pair)) };
}

function wrapped(scheme, number, text) {
  const pair = pairFromSeed[scheme](seedOf(number));
  const signed = signWith[scheme](u8aWrapBytes(stringToU8a(text)), pair);
  return { scheme, public: hex(pair.publicKey), text, signature: hex(signed) };
}

function mnemonic(scheme, phrase, password) {
  const seed = mnemonicToMiniSecret(phrase, password);
  const { publicKey } = pairFromSeed[scheme](seed);
  return { scheme, phrase, password, seed: hex(seed), public: hex(publicKey) };
}

const sizes = [0, 1, 31, 32, 64, 100, 128, 129, 130, 131, 132, 133, 134, 166, 255, 1024, 10000, 65536];
const phrases = [
  'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about',
  'zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong',
  'legal winner thank year wave sausage worth useful legal winner thank yellow',
  'letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter always',
  'hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length',
  'void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold',
];
const prefixes = [0, 1, 2, 5, 7, 10, 42, 45, 48, 63, 64, 65, 88, 127, 128, 255, 256, 1284, 2047, 7391, 10041, 16382, 16383];
const publics = [0, 1, 2].map((number) => sr25519PairFromSeed(seedOf(number)).publicKey)
  .concat([new Uint8Array(32), new Uint8Array(32).fill(255), hexToU8a(`0x${'00'.repeat(31)}01`)]);

process.stdout.write(`${JSON.stringify({
  made_by: '@polkadot/util-crypto 14.0.3',
  keys: schemes.flatMap((scheme) => Array.from({ length: 16 }, (_, number) => key(scheme, number))),
  signatures: schemes.flatMap((scheme) => sizes.map((size, number) => signature(scheme, number, size))),
  wrapped: schemes.flatMap((scheme) => ['', 'a message', 'dojo'].map((text, number) => wrapped(scheme, number, text))),
  mnemonics: schemes.flatMap((scheme) => phrases.flatMap((phrase) => ['', 'Substrate', 'pass word 7'].map(
    (password) => mnemonic(scheme, phrase, password)))),
  addresses: prefixes.flatMap((prefix) => publics.map(
    (bytes) => ({ prefix, public: hex(bytes), address: encodeAddress(bytes, prefix) }))),
}, null, 1)}\n`);
