package codepage

const (
	// chunkUnits bounds how many UTF-16 units are decoded before the capacity of the
	// result is looked at again, so that a long text of plain ASCII does not reserve
	// three bytes per unit.
	chunkUnits = 4096

	// multiChunk is the number of bytes of a string that are handed to a multi-byte
	// encoder at once.
	multiChunk = 256

	// maxNumberLen bounds how much of an unknown code page number an error repeats.
	maxNumberLen = 32

	// maxEncodedRune is the room that one more converted character may need in any
	// registered encoding, escape sequences of ISO-2022-JP included.
	maxEncodedRune = 16
)
