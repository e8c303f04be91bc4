package fastser

// Limits of one container. Lengths from the wire are compared with them and with the bytes
// that are left before memory is taken.
const (
	// HeaderLen is the length of the header in bytes. Source: spec 42.2 [capture].
	HeaderLen = 14

	// MaxBody is the largest body in bytes, after decompression: 256 MiB (spec 42.6).
	MaxBody = 256 << 20

	// MaxParameters is the largest number of parameters, and of listed names. It is that of a
	// function's interface (spec 24.8).
	MaxParameters = 10_000

	// MaxFields is the largest number of fields of all parameters together. A field of one
	// byte takes about 60 bytes of memory here; the limit keeps that below 8 MiB. The largest
	// interfaces known have a few thousand fields.
	MaxFields = 128 << 10

	// MaxCount is the largest number of fields of one parameter: it has twelve bits.
	MaxCount = 4095

	// MaxName is the longest name of a parameter or field in characters, that of ABAP.
	MaxName = 30

	// MaxTypeName is the longest type name in characters: its length has one byte.
	MaxTypeName = 255

	// MaxString is the longest STRING in characters whose form is known: the length has
	// fourteen bits, and how longer ones are cut into pieces was not seen.
	MaxString = 16383

	// maxRawText is the widest CHAR in bytes that travels as it is (marker O); wider ones
	// travel cut (marker C). Seen are 6 bytes for O and 8 for C.
	maxRawText = 7
)
