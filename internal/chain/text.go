package chain

// SingleByteText guesses whether the text of an item is written one byte per character
// although the session is Unicode, as old kernels do in items of the 04xx range: an odd
// length, or no NUL byte and at least nine of ten bytes printable ASCII. An empty text is
// not. Text of other scripts above U+00FF has no NUL bytes either, so names and values must
// not be guessed.
//
// Source: spec 03 section 1.1 [capture-note].
func SingleByteText(value []byte) bool {
	if len(value)%2 == 1 {
		return true
	}
	printable := 0
	for _, c := range value {
		if c == 0 {
			return false
		}
		if c >= 0x20 && c < 0x7f {
			printable++
		}
	}
	return len(value) > 0 && printable*10 >= len(value)*9
}
