// Answers, with @noble and with WebCrypto, what tests/plugins/test_noble.py asks: one JSON object a line in and out.
// Bytes are hexadecimal. Each answer is what a browser client would come to.
import { webcrypto } from "node:crypto";
import { createInterface } from "node:readline";
import { _map_to_curve_elligator2_curve25519, ed25519, x25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { falcon1024padded } from "@noble/post-quantum/falcon.js";
import { ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import { ml_kem1024 } from "@noble/post-quantum/ml-kem.js";

const subtle = webcrypto.subtle;
const unhex = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const text = (string) => new TextEncoder().encode(string);
const join = (...parts) => Uint8Array.from(parts.flatMap((part) => Array.from(part)));
const signers = { mldsa87: ml_dsa87, falcon1024: falcon1024padded };
const FIELD = 2n ** 255n - 19n;

function littleEndian(bytes) {
  return BigInt("0x" + hex(bytes.toReversed()));
}

function inverse(value) {
  let [result, base, power] = [1n, value, FIELD - 2n];
  for (; power > 0n; power >>= 1n, base = (base * base) % FIELD) if (power & 1n) result = (result * base) % FIELD;
  return result;
}

// Of a record: fields as [name, type byte, size], behind one byte that says which record it is.
function split(record, first, fields) {
  const found = {};
  let place = 1;
  for (const [name, type, size] of fields) {
    if (record[place] !== type) throw new Error(`${name} is of another type`);
    found[name] = record.slice(place + 1, place + 1 + size);
    place += 1 + size;
  }
  if (record[0] !== first || place !== record.length) throw new Error("another record");
  return found;
}

const field = (type, value) => join([type], value);

const BUNDLE = [["ed25519", 1, 32], ["x25519", 5, 32], ["mldsa87", 2, 2592], ["signed", 5, 32], ["oneTime", 5, 32],
  ["kem", 0x0a, 1568], ["signature", 0x41, 64], ["pqSignature", 0x42, 4627]];
const HEAD = 1 + 33 + 33 + 2593 + 33 + 33 + 1569;

// whisperd-protocol(7), KEY EXCHANGE: the joiner's side of pqxdh-25519-mlkem1024-mldsa87.
function pqxdh(bundle) {
  const theirs = split(bundle, 1, BUNDLE);
  const signed = join(text("whisperd/1 pqxdh mldsa87 bundle"), bundle.slice(0, HEAD));
  if (!ed25519.verify(theirs.signature, signed, theirs.ed25519)) throw new Error("Ed25519");
  if (!ml_dsa87.verify(theirs.pqSignature, signed, theirs.mldsa87)) throw new Error("ML-DSA-87");
  const [signing, identity, ephemeral, pq] = [ed25519, x25519, x25519, ml_dsa87].map((kind) => kind.keygen());
  const { cipherText, sharedSecret } = ml_kem1024.encapsulate(theirs.kem);
  const unsigned = join([0x10], field(0x51, sha256(bundle)), field(1, signing.publicKey), field(5, identity.publicKey),
    field(2, pq.publicKey), field(5, ephemeral.publicKey), field(0x1a, cipherText));
  const content = join(text("whisperd/1 pqxdh mldsa87 message"), unsigned);
  const head = join(unsigned, field(0x41, ed25519.sign(content, signing.secretKey)),
    field(0x42, ml_dsa87.sign(content, pq.secretKey)));
  const dh = (own, point) => x25519.getSharedSecret(own.secretKey, point);
  const material = join(new Uint8Array(32).fill(255), dh(identity, theirs.signed), dh(ephemeral, theirs.x25519),
    dh(ephemeral, theirs.signed), dh(ephemeral, theirs.oneTime), sharedSecret);
  const info = join(text("whisperd/1_CURVE25519_SHA-512_ML-KEM-1024_ML-DSA-87"), sha512(bundle), sha512(head));
  const output = hkdf(sha512, material, new Uint8Array(64), info, 64);
  return { message: hex(join(head, field(0x52, output.slice(32)))), secret: hex(output.slice(0, 32)) };
}

// The joiner's side of p256-simple, with nothing but WebCrypto.
async function p256Simple(bundle) {
  const theirs = split(bundle, 3, [["identity", 4, 65], ["prekey", 4, 65], ["signature", 0x44, 64]]);
  const [ecdsa, ecdh] = ["ECDSA", "ECDH"].map((name) => ({ name, namedCurve: "P-256" }));
  const [hash, signing] = [{ name: "SHA-256" }, { name: "ECDSA", hash: "SHA-256" }];
  const key = await subtle.importKey("raw", theirs.identity, ecdsa, true, ["verify"]);
  const signed = join(text("whisperd/1 p256-simple bundle"), bundle.slice(0, 1 + 66 + 66));
  if (!(await subtle.verify(signing, key, theirs.signature, signed))) throw new Error("ECDSA");
  const identity = await subtle.generateKey(ecdsa, true, ["sign"]);
  const ephemeral = await subtle.generateKey(ecdh, true, ["deriveBits"]);
  const raw = async (pair) => new Uint8Array(await subtle.exportKey("raw", pair.publicKey));
  const unsigned = join([0x11], field(0x51, new Uint8Array(await subtle.digest(hash, bundle))),
    field(4, await raw(identity)), field(4, await raw(ephemeral)));
  const content = join(text("whisperd/1 p256-simple message"), unsigned);
  const head = join(unsigned, field(0x44, new Uint8Array(await subtle.sign(signing, identity.privateKey, content))));
  const prekey = await subtle.importKey("raw", theirs.prekey, ecdh, true, []);
  const shared = await subtle.deriveBits({ name: "ECDH", public: prekey }, ephemeral.privateKey, 256);
  const info = join(text("whisperd/1 p256-simple"), new Uint8Array(await subtle.digest(hash, bundle)),
    new Uint8Array(await subtle.digest(hash, head)));
  const material = await subtle.importKey("raw", shared, "HKDF", false, ["deriveBits"]);
  const salt = new Uint8Array(32);
  const output = new Uint8Array(await subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, material, 512));
  const session = await subtle.importKey("raw", output.slice(32), "AES-GCM", false, ["encrypt"]);
  const gcm = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: head };
  const tag = new Uint8Array(await subtle.encrypt(gcm, session, new Uint8Array(0)));
  return { message: hex(join(head, field(0x54, tag))), secret: hex(output.slice(0, 32)) };
}

const answers = {
  pqxdh: ({ bundle }) => pqxdh(unhex(bundle)),
  p256Simple: ({ bundle }) => p256Simple(unhex(bundle)),
  verify: ({ kind, key, message, signature }) =>
    ({ valid: signers[kind].verify(unhex(signature), unhex(message), unhex(key)) }),
  sign: ({ kind, message }) => {
    const pair = signers[kind].keygen();
    return { key: hex(pair.publicKey), signature: hex(signers[kind].sign(unhex(message), pair.secretKey)) };
  },
  keygen: ({ kind, seed }) =>
    ({ key: hex((kind === "mlkem1024" ? ml_kem1024 : signers[kind]).keygen(unhex(seed)).publicKey) }),
  encapsulate: ({ key }) => {
    const made = ml_kem1024.encapsulate(unhex(key));
    return { ciphertext: hex(made.cipherText), secret: hex(made.sharedSecret) };
  },
  decapsulate: ({ seed, ciphertext }) =>
    ({ secret: hex(ml_kem1024.decapsulate(unhex(ciphertext), ml_kem1024.keygen(unhex(seed)).secretKey)) }),
  agree: ({ private: own, public: point }) => ({ secret: hex(x25519.getSharedSecret(unhex(own), unhex(point))) }),
  mapped: ({ private: own, uniform }) => {
    const { xMn, xMd } = _map_to_curve_elligator2_curve25519((littleEndian(unhex(uniform)) & (2n ** 255n - 1n)) % FIELD);
    const u = (xMn * inverse(xMd)) % FIELD;
    const point = unhex(u.toString(16).padStart(64, "0")).toReversed();
    return { share: hex(x25519.getSharedSecret(unhex(own), point)) };
  },
  p256: ({ private: own, public: point, message }) => ({
    secret: hex(p256.getSharedSecret(unhex(own), unhex(point), false).slice(1, 33)),
    signature: hex(p256.sign(unhex(message), unhex(own), { lowS: false })),
  }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...values } = JSON.parse(line);
  let answer;
  try {
    answer = await answers[ask](values);
  } catch (error) {
    answer = { error: String(error) };
  }
  console.log(JSON.stringify(answer));
}
