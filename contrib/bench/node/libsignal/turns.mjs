// Two libsignal sessions in one process. For each line of standard input, "turns N" or "one-way N", it carries N
// messages of 100 bytes, encrypts and decrypts them, and prints that it is done.

import { createInterface } from "node:readline";
import * as signal from "@signalapp/libsignal-client";

const NO_CHANGE = signal.IdentityChange.NewOrUnchanged;

class Person {
  constructor(name) {
    this.address = signal.ProtocolAddress.new(name, 1);
    this.identity = signal.PrivateKey.generate();
    this.sessions = new signalStores.Sessions();
    this.identities = new signalStores.Identities(this.identity);
    this.prekeys = new Map();
  }
}

const signalStores = {
  Sessions: class extends signal.SessionStore {
    kept = new Map();
    async saveSession(name, record) { this.kept.set(name.toString(), record); }
    async getSession(name) { return this.kept.get(name.toString()) ?? null; }
    async getExistingSessions(names) { return names.map((name) => this.kept.get(name.toString())); }
  },
  Identities: class extends signal.IdentityKeyStore {
    kept = new Map();
    constructor(key) { super(); this.key = key; }
    async getIdentityKey() { return this.key; }
    async getLocalRegistrationId() { return 5; }
    async saveIdentity(name, key) { this.kept.set(name.toString(), key); return NO_CHANGE; }
    async isTrustedIdentity() { return true; }
    async getIdentity(name) { return this.kept.get(name.toString()) ?? null; }
  },
  OneTime: class extends signal.PreKeyStore {
    constructor(record) { super(); this.record = record; }
    async getPreKey() { return this.record; }
    async savePreKey() {}
    async removePreKey() {}
  },
  Signed: class extends signal.SignedPreKeyStore {
    constructor(record) { super(); this.record = record; }
    async getSignedPreKey() { return this.record; }
    async saveSignedPreKey() {}
  },
  Kyber: class extends signal.KyberPreKeyStore {
    constructor(record) { super(); this.record = record; }
    async getKyberPreKey() { return this.record; }
    async saveKyberPreKey() {}
    async markKyberPreKeyUsed() {}
  },
};

const anna = new Person("anna");
const ben = new Person("ben");

function encrypt(from, to, plaintext) {
  return signal.signalEncrypt(plaintext, to.address, from.address, from.sessions, from.identities);
}

function decrypt(from, to, message) {
  return signal.signalDecrypt(signal.SignalMessage.deserialize(message.serialize()), from.address, to.address,
    to.sessions, to.identities);
}

async function meet() {
  const oneTime = signal.PrivateKey.generate();
  const signed = signal.PrivateKey.generate();
  const kyber = signal.KEMKeyPair.generate();
  const signedSignature = ben.identity.sign(signed.getPublicKey().serialize());
  const kyberSignature = ben.identity.sign(kyber.getPublicKey().serialize());
  const bundle = signal.PreKeyBundle.new(5, 1, 1, oneTime.getPublicKey(), 2, signed.getPublicKey(), signedSignature,
    ben.identity.getPublicKey(), 3, kyber.getPublicKey(), kyberSignature);
  await signal.processPreKeyBundle(bundle, ben.address, anna.address, anna.sessions, anna.identities);
  const first = await encrypt(anna, ben, Buffer.alloc(100));
  await signal.signalDecryptPreKey(signal.PreKeySignalMessage.deserialize(first.serialize()), anna.address, ben.address,
    ben.sessions, ben.identities,
    new signalStores.OneTime(signal.PreKeyRecord.new(1, oneTime.getPublicKey(), oneTime)),
    new signalStores.Signed(signal.SignedPreKeyRecord.new(2, Date.now(), signed.getPublicKey(), signed, signedSignature)),
    new signalStores.Kyber(signal.KyberPreKeyRecord.new(3, Date.now(), kyber, kyberSignature)));
  await decrypt(ben, anna, await encrypt(ben, anna, Buffer.alloc(100)));
}

async function carry(pattern, messages) {
  const plaintext = Buffer.alloc(100);
  for (let number = 0; number < messages; number += 1) {
    const [from, to] = pattern === "one-way" || number % 2 === 0 ? [anna, ben] : [ben, anna];
    await decrypt(from, to, await encrypt(from, to, plaintext));
  }
}

await meet();
for await (const line of createInterface({ input: process.stdin })) {
  const [pattern, messages] = line.split(" ");
  await carry(pattern, Number(messages));
  console.log("done");
}
