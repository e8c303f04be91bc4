// Package sapcompress reads and writes the block compression that SAP systems use
// inside RFC tables, DIAG and archives: LZC (an LZW with variable code width) and LZH
// (an LZ77 with Huffman codes), both behind the same eight-byte header. It also reads and
// writes LZ4 blocks, bare and in the frame of SAP's fast serialization.
//
// Layer: bytes, above internal/wire and below every serializer. Wire document: spec 23. Two
// equivalences found by experiment carry the package: the body of an LZH block is an RFC
// 1951 bit stream that starts 2+n bits into the data, and an LZC block from its byte 5 on is
// a classic Unix compress (.Z) file.
//
// Decoders are strict and take bytes of strangers: the declared length is checked
// against the caller's limit and against what the received bytes could give at all,
// memory grows with the output and never with a claim, and every refusal is a
// *wire.Error with the byte offset in the block. Encoders are deterministic: the same
// input, level and code width give the same bytes on every machine.
//
// The package does not know the wrappers that carry a block (the length field of a
// compressed table, the DIAG and CAR containers) and does not compare an LZH or LZC block
// with the length a wrapper promised; a bare LZ4 block has no header, so its decoder is told
// the length. LZ4 itself is github.com/pierrec/lz4/v4. The package performs no I/O. All
// functions are safe for concurrent use; working state comes from pools.
package sapcompress
