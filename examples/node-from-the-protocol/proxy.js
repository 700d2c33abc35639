// A TCP proxy that breaks connections: after so many bytes, each in one of the ways in which connections break.
// @ts-check

import net from 'node:net';

/** @typedef {'reset' | 'end' | 'hang'} Way */

/** A random number from 0 to 1 that depends on nothing but the seed (mulberry32). @param {number} seed */
export function seeded(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Proxy {
  #server;
  #target;
  #cut;
  #took;
  /** @type {Set<net.Socket>} */
  #sockets = new Set();

  /**
   * @param {string} target HOST:PORT
   * @param {() => {after: number, way: Way}} cut how the next connection will break, and after how many bytes both ways
   * @param {(way: Way) => boolean} took asked when one is about to: false lets it live
   */
  constructor(target, cut, took) {
    const at = target.lastIndexOf(':');
    this.#target = { host: target.slice(0, at), port: Number(target.slice(at + 1)) };
    this.#cut = cut;
    this.#took = took;
    this.#server = net.createServer((client) => this.#connect(client));
  }

  /** @returns {Promise<string>} the address to call */
  async listen() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', () => resolve(undefined)));
    return `127.0.0.1:${/** @type {net.AddressInfo} */ (this.#server.address()).port}`;
  }

  close() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** @param {net.Socket} client */
  #connect(client) {
    const service = net.connect(this.#target);
    const pair = [client, service];
    const { after, way } = this.#cut();
    let left = after;
    let alive = true;
    for (const [i, from] of pair.entries()) {
      const to = pair[1 - i];
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => {}); // What is broken on one side ends the other, below.
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.on('end', () => to.end());
      from.on('data', (/** @type {Buffer} */ bytes) => {
        if (!alive) return; // Silent: taken, and passed on to nobody.
        if (left < bytes.length && this.#took(way)) {
          alive = false;
          to.write(bytes.subarray(0, left)); // In the middle of whatever it is.
          if (way === 'reset') for (const socket of pair) socket.resetAndDestroy();
          else if (way === 'end') for (const socket of pair) socket.destroySoon();
          return;
        }
        left = left < bytes.length ? Infinity : left - bytes.length;
        to.write(bytes);
      });
    }
  }
}
