package abap

const (
	// maxDecimalText is the longest decimal text that is parsed: work stays bounded
	// whatever a caller passes on. Source: spec 20.9, open connectors use the same.
	maxDecimalText = 4096

	// maxCoefficientDigits is the precision of Decimal. It covers packed numbers (31
	// digits) and decimal floating point (34), and fits 128 bits.
	maxCoefficientDigits = 38

	// maxExponent bounds the exponent of Decimal in both directions. It covers
	// decimal128 (-6176..6144) and keeps plain texts below eleven thousand bytes.
	maxExponent = 9999

	// maxPackedLen is the longest packed number in bytes. Source: spec 20.1.
	maxPackedLen = 16

	// maxPackedDecimals is the largest number of fraction digits. Source: spec 20.5.
	maxPackedDecimals = 14

	// maxTemporalText bounds the text of a time stamp, day, week or time that is parsed
	// from bytes; the longest has 28 characters.
	maxTemporalText = 64

	// maxErrorValue bounds how many bytes of a value an error repeats.
	maxErrorValue = 64
)
