package sapcompress

const (
	// HeaderLen is the length of the block header in bytes. Source: spec 23.1 [capture].
	HeaderLen = 8

	// MaxLength is the largest plain length a block can declare, in bytes: the length
	// field has 32 bits.
	MaxLength = 1<<32 - 1

	// LZ4FrameHeaderLen is the number of bytes before the block of an LZ4 frame: the mark and
	// two lengths. Source: spec 23.5 [capture].
	LZ4FrameHeaderLen = 9

	// MaxLZ4Input is the longest text that is written as one LZ4 block, in bytes. It is the
	// limit of the reference encoder [doc], so other decoders are prepared for it.
	MaxLZ4Input = 0x7e000000

	// maxLZ4Ratio: each further byte of an LZ4 length adds at most 255 to what the block
	// gives, and no byte gives more. A larger claim is refused unread.
	maxLZ4Ratio = 255

	// minLZ4Match is the shortest match of LZ4 in bytes; lengths count from it.
	minLZ4Match = 4

	// maxLZHRatio: two bits of a DEFLATE stream give at most one match of 258 bytes, so
	// one byte of body never gives more than 1032 bytes. A larger claim is refused unread.
	maxLZHRatio = 1032

	// maxLZHDistance is the window of the format in bytes; a match that reaches farther
	// back is refused. Source: spec 23.2 [impl].
	maxLZHDistance = 16384

	// maxEncodeDistance is the farthest match the reference compressor writes; staying
	// inside it keeps blocks readable for decoders that slide their window early.
	// Source: spec 23.2 [impl].
	maxEncodeDistance = 16384 - 262

	// maxFarLength3 is the distance in bytes up to which a match of three bytes is
	// written; farther ones cost more bits than three literals. Source: spec 23.2 [impl].
	maxFarLength3 = 4096

	// maxEmptyBlocks bounds the LZH blocks that produce nothing: a tree costs the decoder
	// more than it costs the sender, and no known sender writes such blocks.
	maxEmptyBlocks = 16

	// blockTokens is the number of literals and matches under one set of trees when
	// encoding; spec 23.2 gives about 16 K.
	blockTokens = 16384

	// smallClaim is the declared length in bytes up to which a claim the body cannot keep is
	// disproved by decoding: that costs little and finds the true reason (cut off, corrupt).
	smallClaim = 64 << 10

	// minOutput and growRatio size the first piece of output memory: at most growRatio
	// bytes for each byte received plus minOutput. Realistic tables compress 4 to 8 times,
	// so legitimate blocks need one allocation and claims none.
	minOutput = 4096
	growRatio = 16
)

// lzcBound is the largest number of bytes an LZC body of n bytes can give: a code takes at
// least nine bits, the k-th code stands for at most k bytes, and no string is longer than
// the dictionary has entries. It is tighter than a fixed ratio for every small body.
func lzcBound(n uint64, maxBits uint) uint64 {
	codes := n * 8 / 9
	longest := uint64(1)<<maxBits - 255
	if codes <= longest {
		return codes * (codes + 1) / 2
	}
	return longest*(longest+1)/2 + (codes-longest)*longest
}
