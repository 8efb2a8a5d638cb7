'use strict';

/* Clients of tests/node/chaos.js that also call each other; each holds what it was told of the call that it is in. */

const GONE_AFTER = 30_000; // ms after which nobody is in a call, or offline, because of a process that is gone

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Caller {
  constructor(client, random) {
    Object.assign(this, { client, random, userId: client.user.id, call: null, isUnsure: false, ended: new Set(), wrong: [] });
    const { socket } = client;
    socket.on('callUser', ({ from, callId }) => this.rung(from, callId));
    socket.on('makeAnswer', ({ callId }) => {
      if (!this.isUnsure && (!this.call || this.call.id !== callId)) this.wrong.push(`${this.userId} was answered in ${callId} before it was in it`);
    });
    socket.on('endCall', ({ callId }) => {
      this.ended.add(callId);
      if (this.call && this.call.id === callId) this.call = null;
    });
    socket.on('connect', () => {
      if (socket.recovered) return; // what it did not hear of a call of its own it may still be in
      this.isUnsure = false;
      this.call = null;
    });
  }

  async rung(from, id) {
    this.call = { id, other: from };
    await sleep(300 * this.random());
    if (this.random() < 0.7) await this.client.once('makeAnswer', { to: from, answer: 'a', callId: id });
    else await this.hangUp();
  }

  /** Call somebody unless there is a call, or end that. */
  async act(other) {
    if (this.call) return this.hangUp();
    const ack = await this.client.once('callUser', { to: other, offer: 'o' }, ({ ok, callId: id }) => {
      if (ok && this.ended.has(id)) this.wrong.push(`${this.userId} was told that ${id} had ended before it was in it`);
      else if (ok) this.call = { id, other };
    });
    if (!ack) this.isUnsure = true; // without an answer it may be in a call, until it begins anew
    return ack;
  }

  /** End the call; where the server says that there is none, that it is over was told or will be. */
  async hangUp() {
    const { call } = this;
    if (!call) return;
    const ack = await this.client.once('endCall', { to: call.other, callId: call.id });
    if (!ack) call.isUnsure = true; // then that there is none is the answer to the one before
    if (ack && (ack.ok || call.isUnsure) && this.call === call) this.call = null;
  }

  /** Whether it can call somebody, within GONE_AFTER. */
  async reaches(other) {
    const until = Date.now() + GONE_AFTER;
    let ack;
    do {
      ack = await this.client.send('callUser', { to: other.userId, offer: 'last' });
      if (ack.ok) {
        await this.client.send('endCall', { to: other.userId, callId: ack.callId });
        return true;
      }
      await sleep(200);
    } while (Date.now() < until);
    this.wrong.push(`${this.userId} can not call ${other.userId}: ${ack.code}`);
    return false;
  }
}

/** End all calls; resolves with what is wrong: who is still in one, who can not be called. */
async function hangUp(callers) {
  const until = Date.now() + GONE_AFTER;
  await Promise.all(callers.map((caller) => caller.hangUp()));
  while (callers.some(({ call }) => call) && Date.now() < until) await sleep(50);
  const left = callers.filter(({ call }) => call).map(({ userId, call }) => `${userId} was not told that ${call.id} is over`);
  await Promise.all(callers.filter((_, index) => index % 2).map((caller, index) => caller.reaches(callers[2 * index])));
  return [...left, ...callers.flatMap(({ wrong }) => wrong)];
}

module.exports = { Caller, hangUp };
