// Bytes that come in pieces, kept until they are whole.

/** A piece takes hundreds of bytes beside its own, and a sender may make each as small as one byte. */
const piecesMax = 256;

/** Adds a piece, and joins them all when they are many. */
export function addPiece(pieces: Uint8Array[], piece: Uint8Array): void {
  pieces.push(piece);
  if (pieces.length >= piecesMax) pieces.splice(0, pieces.length, Buffer.concat(pieces));
}
