package chain

import "encoding/binary"

// longForm is the length that says: a u32 length follows. It is used from 65,535 bytes
// on; below that the short form is mandatory on write (spec 03 section 1 [impl]).
const longForm = 0xffff

// Size is the number of bytes an item with n bytes of value takes.
func Size(n int) int {
	if n >= longForm {
		return 10 + n
	}
	return 6 + n
}

// AppendHeader appends tag and length of an item whose n value bytes follow; close the
// item with AppendClose.
func AppendHeader(dst []byte, tag Tag, n int) []byte {
	if n >= longForm {
		dst = append(dst, byte(tag>>8), byte(tag), 0xff, 0xff)
		return binary.BigEndian.AppendUint32(dst, uint32(n))
	}
	return append(dst, byte(tag>>8), byte(tag), byte(n>>8), byte(n))
}

// AppendClose appends the closing tag.
func AppendClose(dst []byte, tag Tag) []byte { return append(dst, byte(tag>>8), byte(tag)) }

// Append appends one item with the bytes of value.
func Append(dst []byte, tag Tag, value []byte) []byte {
	dst = AppendHeader(dst, tag, len(value))
	dst = append(dst, value...)
	return AppendClose(dst, tag)
}

// AppendText appends one item with the bytes of text as they are.
func AppendText(dst []byte, tag Tag, text string) []byte {
	dst = AppendHeader(dst, tag, len(text))
	dst = append(dst, text...)
	return AppendClose(dst, tag)
}

// AppendEmpty appends an item without a value.
func AppendEmpty(dst []byte, tag Tag) []byte {
	return append(dst, byte(tag>>8), byte(tag), 0, 0, byte(tag>>8), byte(tag))
}

// AppendU32 appends an item with one big-endian number.
func AppendU32(dst []byte, tag Tag, v uint32) []byte {
	return append(dst, byte(tag>>8), byte(tag), 0, 4,
		byte(v>>24), byte(v>>16), byte(v>>8), byte(v), byte(tag>>8), byte(tag))
}

// Begin opens an item whose length is not known yet: it appends the tag and room for a
// short length and returns the position that Finish needs.
func Begin(dst []byte, tag Tag) ([]byte, int) {
	dst = append(dst, byte(tag>>8), byte(tag), 0, 0)
	return dst, len(dst)
}

// Finish closes the item opened by Begin: everything behind start is its value. A value of
// 65,535 bytes or more is moved up by four bytes to make room for the long length.
func Finish(dst []byte, tag Tag, start int) []byte {
	n := len(dst) - start
	if n >= longForm {
		dst = append(dst, 0, 0, 0, 0)
		copy(dst[start+4:], dst[start:start+n])
		dst[start-2], dst[start-1] = 0xff, 0xff
		binary.BigEndian.PutUint32(dst[start:], uint32(n))
	} else {
		dst[start-2], dst[start-1] = byte(n>>8), byte(n)
	}
	return AppendClose(dst, tag)
}

// AppendEnd appends the end of the chain, ffff 0000 ffff.
func AppendEnd(dst []byte) []byte { return AppendEmpty(dst, End) }
