// Binary messages with cells: a header of 28 bytes and a deflate stream of one byte a cell.

const HEADER_BYTES = 28;
export const SNAPSHOT = 1;
export const DELTA = 2;

/**
 * @typedef {Object} Header
 * @property {number} kind
 * @property {number} channel its number
 * @property {boolean} past
 * @property {number} atMs
 * @property {number} number of this message since the last snapshot
 * @property {number} cells
 * @property {number} floor first 4 bytes of the floor's version
 */

/** The header; null where these are no such bytes. @param {ArrayBuffer} buffer @returns {Header|null} */
export function header(buffer) {
  if (buffer.byteLength < HEADER_BYTES) return null;
  const view = new DataView(buffer);
  if (view.getUint16(0) !== 0x4350 || view.getUint8(2) !== 1) return null;
  return {
    kind: view.getUint8(3),
    channel: view.getUint8(4),
    past: (view.getUint8(5) & 1) === 1,
    atMs: Number(view.getBigInt64(8, true)),
    number: view.getUint32(16, true),
    cells: view.getUint32(20, true),
    floor: view.getUint32(24, true),
  };
}

/** The bytes behind the header, unpacked. @param {ArrayBuffer} buffer @returns {Promise<Uint8Array>} */
export async function body(buffer) {
  const packed = new Blob([new Uint8Array(buffer, HEADER_BYTES)]).stream();
  const plain = packed.pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

/** What a floor's version is in a header. */
export function floorMark(version) {
  return Number.parseInt(version.slice(0, 8), 16) >>> 0;
}
