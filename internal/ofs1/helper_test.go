package ofs1

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/purerfc/purerfc/columns"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/stretchr/testify/require"
)

// item puts a header before a payload that is stored as it is.
func item(layout Layout, page int, payload []byte) []byte {
	return stored(layout, page, Uncompressed, payload, payload)
}

// stored puts a header with the checksum of raw before a stored payload.
func stored(layout Layout, page int, c Compression, raw, payload []byte) []byte {
	b := append([]byte(magic), byte(layout), byte(c))
	b = binary.LittleEndian.AppendUint16(b, uint16(page))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(raw)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(raw, castagnoli))
	return append(b, payload...)
}

// p builds a payload: numbers are bytes, texts are names or texts with their length, byte
// slices stand as they are.
func p(parts ...any) []byte {
	var b []byte
	for _, part := range parts {
		switch v := part.(type) {
		case int:
			b = append(b, byte(v))
		case rune:
			b = append(b, byte(v))
		case uint64:
			b = appendUvarint(b, v)
		case string:
			b = append(appendUvarint(b, uint64(len(v))), v...)
		case []byte:
			b = append(b, v...)
		}
	}
	return b
}

// decode reads a single payload.
func decode(layout Layout, page int, payload []byte, limits Limits) (*Block, error) {
	d := Decoder{Limits: limits}
	var b Block
	err := d.Decode(item(layout, page, payload), &b)
	return &b, err
}

// refused checks the reason and the text of a refusal.
func refused(t testing.TB, err, reason error, text string) {
	t.Helper()
	require.ErrorIs(t, err, reason)
	_, ok := errors.AsType[*wire.Error](err)
	require.True(t, ok, "%T", err)
	require.ErrorContains(t, err, text)
}

// lineOf is a line type out of the short notation of package metadata.
func lineOf(t testing.TB, fields string) *metadata.Type {
	t.Helper()
	var d metadata.Dictionary
	d.Structure("ZIN", "K:I V:g").Structure("ZSUB", "A:C3 D:D").Structure("ZROW", fields)
	require.NoError(t, d.Err())
	line, ok := d.Type("ZROW")
	require.True(t, ok)
	return line
}

// tableValue is a parameter with all rows of a table.
func tableValue(name string, t *columns.Table) Value {
	return Value{Name: name, Field: metadata.Field{Kind: metadata.Table, Type: t.Type}, Table: t, To: t.Rows}
}

// texts fills a column of texts.
func texts(c *columns.Column, values ...string) {
	for _, v := range values {
		c.Bytes = append(c.Bytes, v...)
		c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
	}
}
