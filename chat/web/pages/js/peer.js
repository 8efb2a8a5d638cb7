/**
 * The line to the other one of a call (WebRTC).
 * @module
 */

const MAX_WAITING = 100;

/**
 * A connection with one sound and one picture in each direction, agreed on at the beginning: what is switched on later
 * takes its place there, so that nothing has to be agreed on again. `heard` has functions: `candidate(candidate)` of ours
 * for the other one, `state(connectionState)`, `told({sound, picture, screen})` of the other's.
 */
export class Peer {
  /** What comes from the other one. */
  stream = new MediaStream();
  #connection;
  #channel;
  #media;
  #begun;
  #local = new MediaStream();  // only a name, by which the other side keeps sound and picture together

  constructor(iceServers, media, heard) {
    this.#media = media;
    this.#connection = new RTCPeerConnection({ iceServers });
    this.#connection.onicecandidate = ({ candidate }) => { if (candidate) heard.candidate(candidate); };
    this.#connection.ontrack = ({ track }) => this.stream.addTrack(track);
    this.#connection.onconnectionstatechange = () => heard.state(this.#connection.connectionState);
    // Agreed on without a word: a client that does not know of it leaves it unused.
    this.#channel = this.#connection.createDataChannel('told', { negotiated: true, id: 0 });
    this.#channel.onopen = () => this.tell();
    this.#channel.onmessage = ({ data }) => heard.told(JSON.parse(data));  // what is no JSON throws, and changes nothing
  }

  /** The offer to call with; `begin` takes it up once it has been sent, so that no candidate comes before it. */
  async offer() {
    for (const kind of ['audio', 'video']) this.#connection.addTransceiver(kind, { direction: 'sendrecv', streams: [this.#local] });
    await this.replace();
    return this.#connection.createOffer();
  }

  async begin(offer) { await (this.#begun = this.#connection.setLocalDescription(offer)); }

  /** The answer to an offer. */
  async answer(offer) {
    await this.#connection.setRemoteDescription(offer);
    for (const transceiver of this.#connection.getTransceivers()) {
      transceiver.direction = 'sendrecv';
      transceiver.sender.setStreams?.(this.#local);
    }
    await this.replace();
    await this.#connection.setLocalDescription();
    return this.#connection.localDescription;
  }

  /** Takes the other one's answer. */
  async accept(answer) {
    await this.#begun;
    await this.#connection.setRemoteDescription(answer);
  }

  /** Takes a candidate of the other one; one that can't be used is no loss. */
  add(candidate) { this.#connection.addIceCandidate(candidate).catch(() => {}); }

  /** Whether there is a place for a picture of ours. */
  get hasPicture() { return Boolean(this.#sender('video')); }

  /** Sends what is switched on now. */
  async replace() {
    await this.#sender('audio')?.replaceTrack(this.#media.sound);
    await this.#sender('video')?.replaceTrack(this.#media.picture);
    this.tell();
  }

  /** Says what is switched on now. */
  tell() { if (this.#channel.readyState === 'open') this.#channel.send(JSON.stringify(this.#media.told)); }

  close() { this.#connection.close(); }

  #sender(kind) { return this.#connection.getTransceivers().find(({ receiver }) => receiver.track.kind === kind)?.sender; }
}

/** The other one's candidates, which may come before there is a line that takes them. */
export class Candidates {
  #waiting = [];
  #peer = null;

  add(candidate) {
    if (this.#peer) this.#peer.add(candidate);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(candidate);
  }

  /** From now on they go to that Peer, which has heard the offer or the answer. */
  goTo(peer) {
    this.#peer = peer;
    this.#waiting.splice(0).forEach((candidate) => peer.add(candidate));
  }
}
