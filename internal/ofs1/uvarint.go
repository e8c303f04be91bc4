package ofs1

import "math/bits"

// What uvarint returns as new position when it fails.
const (
	badTruncated = -1 - iota
	badLong
	badOverflow
)

// uvarint reads a base-128 number at b[p:], low group first, at most ten bytes in the shortest
// form, and gives the position behind it or one of the failures above.
func uvarint(b []byte, p int) (v uint64, next int) {
	if p < len(b) && b[p] < 0x80 {
		return uint64(b[p]), p + 1
	}
	for shift := uint(0); ; shift += 7 {
		if p >= len(b) {
			return 0, badTruncated
		}
		c := b[p]
		p++
		if shift == 63 && c > 1 {
			return 0, badOverflow
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if c == 0 && shift > 0 {
				return 0, badLong
			}
			return v, p
		}
	}
}

// appendUvarint writes v in the shortest form.
func appendUvarint(dst []byte, v uint64) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// uvarintLen is the number of bytes appendUvarint writes, 1 to 10.
func uvarintLen(v uint64) int { return (bits.Len64(v|1)*9 + 64) / 64 }

// zigzag maps small numbers of either sign to small unsigned ones.
func zigzag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }
