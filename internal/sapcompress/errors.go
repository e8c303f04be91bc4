package sapcompress

import (
	"fmt"
	"strconv"

	"github.com/purerfc/purerfc/internal/wire"
)

// Reasons for which a block is refused; match them with errors.Is. Each also matches the
// broader reason of package wire. The error itself is a *wire.Error of layer "compress".
var (
	// ErrHeader: the eight header bytes are not those of a compressed block, or an LZC
	// code width is outside the format.
	ErrHeader = fmt.Errorf("%w compression header", wire.ErrMalformed)
	// ErrAlgorithm: the header names an algorithm other than LZC (1) and LZH (2).
	ErrAlgorithm = fmt.Errorf("%w compression algorithm", wire.ErrMalformed)
	// ErrTruncated: the block ends before the declared length was produced.
	ErrTruncated = fmt.Errorf("%w compressed block", wire.ErrTruncated)
	// ErrCorrupt: the compressed data break the rules of the format.
	ErrCorrupt = fmt.Errorf("%w compressed data", wire.ErrMalformed)
	// ErrTooLarge: the declared length is above the caller's limit, or above anything the
	// received bytes could give.
	ErrTooLarge = fmt.Errorf("declared length %w", wire.ErrLimit)
	// ErrLength: the data give another length than the header declares.
	ErrLength = fmt.Errorf("%w compressed block: length differs from the declared one", wire.ErrMalformed)
)

// fail builds the error of a block; off is the byte offset in the block.
func fail(record, field string, off int, reason error, want, got string) error {
	return &wire.Error{Layer: "compress", Record: record, Field: field, Offset: off, Want: want, Got: got, Err: reason}
}

func itoa[T ~int | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](n T) string {
	return strconv.FormatUint(uint64(n), 10)
}
