package sapcompress

import "math/bits"

// A table entry is one uint32:
//
//	bits  0-5   bits to consume: code and extra bits together
//	bits  8-11  code bits alone
//	bit   12    not a plain length or distance: see bits 13 and 14
//	bit   13    pointer to a subtable: bits 16-30 its start, bits 8-11 its index bits,
//	            bits 0-5 the root bits to consume
//	bit   14    end of block
//	bits 16-30  literal byte, base length, base distance or code-length symbol
//	bit   31    literal
//
// An entry with bit 12 alone is a code that must not occur.
const (
	entryBits     = 0x3f
	entryCode     = 8
	entrySpecial  = 1 << 12
	entrySubtable = 1 << 13
	entryEnd      = 1 << 14
	entryValue    = 16
	entryLiteral  = 1 << 31
)

const (
	litRoot  = 11 // index bits of the literal/length table
	distRoot = 8  // index bits of the distance table
	lensRoot = 7  // index bits of the code-length table: the longest such code

	// Largest tables that complete codes of at most 15 bits over 288 and 32 symbols need
	// with these roots.
	litTable  = 2342
	distTable = 402

	litSymbols  = 286
	distSymbols = 30
	lensSymbols = 19
	endOfBlock  = 256
	maxCodeBits = 15
)

// lensOrder is the order in which code-length code lengths travel. Source: RFC 1951 3.2.7
// [doc], spec 23.2.
var lensOrder = [lensSymbols]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// lengthExtra and distExtra are the extra bits of length symbols 257.. and of distance
// symbols. Source: RFC 1951 3.2.5 [doc].
var (
	lengthExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distExtra   = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}

	lengthBase, distBase = bases()
)

// bases derives the smallest length and distance of each symbol from the extra bits.
func bases() (l [29]uint16, d [30]uint16) {
	n := 3
	for i, x := range lengthExtra {
		l[i] = uint16(n)
		n += 1 << x
	}
	l[28] = 258 // symbol 285 stands for 258 alone
	n = 1
	for i, x := range distExtra {
		d[i] = uint16(n)
		n += 1 << x
	}
	return l, d
}

// litEntries, distEntries and lensEntries are the table entries of the symbols without
// their code length. The last two of litEntries (286, 287) and of distEntries (30, 31)
// exist in the fixed code only and must not occur. Distance symbols 28 and 29 reach
// farther than the window, so they must not occur either.
var (
	litEntries  = makeLitEntries()
	distEntries = makeDistEntries()
	lensEntries = makeLensEntries()
)

func makeLitEntries() (t [288]uint32) {
	for i := range t {
		switch {
		case i < endOfBlock:
			t[i] = entryLiteral | uint32(i)<<entryValue
		case i == endOfBlock:
			t[i] = entrySpecial | entryEnd
		case i < litSymbols:
			t[i] = uint32(lengthBase[i-257])<<entryValue | uint32(lengthExtra[i-257])
		default:
			t[i] = entrySpecial
		}
	}
	return t
}

func makeDistEntries() (t [32]uint32) {
	for i := range t {
		if i < distSymbols && int(distBase[i])+1<<distExtra[i]-1 <= maxLZHDistance {
			t[i] = uint32(distBase[i])<<entryValue | uint32(distExtra[i])
		} else {
			t[i] = entrySpecial
		}
	}
	return t
}

func makeLensEntries() (t [lensSymbols]uint32) {
	for i := range t {
		t[i] = uint32(i) << entryValue
	}
	return t
}

// codeState is the verdict on a set of code lengths.
type codeState uint8

const (
	codeComplete       codeState = iota // every bit string is a code: the table is built
	codeIncomplete                      // bit strings without a code
	codeSingle                          // one code of one bit and nothing else
	codeEmpty                           // no code at all
	codeOverSubscribed                  // more codes than the lengths have room for
)

// buildTable fills table, which decodes root bits at once, from code lengths of 0 to 15
// bits. Only complete codes are built; for the others the table is left as it is. The
// check comes before any write, so a crafted set of lengths cannot lead a write astray.
func buildTable(table []uint32, root int, lens []uint8, entries []uint32) codeState {
	var count [maxCodeBits + 1]int
	for _, l := range lens {
		count[l&maxCodeBits]++
	}
	used := len(lens) - count[0]
	left, longest := 1, 0
	for l := 1; l <= maxCodeBits; l++ {
		left = left<<1 - count[l]
		if left < 0 {
			return codeOverSubscribed
		}
		if count[l] > 0 {
			longest = l
		}
	}
	switch {
	case used == 0:
		return codeEmpty
	case left > 0 && used == 1 && count[1] == 1:
		return codeSingle
	case left > 0:
		return codeIncomplete
	}

	// Symbols by code length, then by value: the canonical order.
	var at [maxCodeBits + 2]int
	for l := 1; l <= maxCodeBits; l++ {
		at[l+1] = at[l] + count[l]
	}
	var sorted [288]uint16
	for s, l := range lens {
		if l != 0 && at[l] < len(sorted) {
			sorted[at[l]] = uint16(s)
			at[l]++
		}
	}

	code := uint32(0) // the next code, first bit lowest
	filled := 0       // table[:1<<filled] repeats with that period so far
	next := 1 << root // where the next subtable starts
	sub, subBits, subFor := 0, 0, uint32(1)<<31
	for _, s := range sorted[:used] {
		l := int(lens[s])
		if l <= root {
			for ; filled < l; filled++ {
				copy(table[1<<filled:2<<filled], table[:1<<filled])
			}
			table[code] = entries[s] + uint32(l)<<entryCode + uint32(l)
		} else {
			for ; filled < root; filled++ {
				copy(table[1<<filled:2<<filled], table[:1<<filled])
			}
			if prefix := code & (1<<root - 1); prefix != subFor {
				// A subtable is as deep as the codes that still have to share this prefix.
				subFor, sub, subBits = prefix, next, l-root
				room := 1 << subBits
				for root+subBits < longest {
					room -= count[root+subBits]
					if room <= 0 {
						break
					}
					subBits++
					room <<= 1
				}
				next += 1 << subBits
				if next > len(table) {
					return codeOverSubscribed
				}
				table[prefix] = entrySpecial | entrySubtable | uint32(sub)<<entryValue | uint32(subBits)<<entryCode | uint32(root)
			}
			e := entries[s] + uint32(l-root)<<entryCode + uint32(l-root)
			for j := int(code >> root); j < 1<<subBits; j += 1 << (l - root) {
				table[sub+j] = e
			}
		}
		count[l]--
		code = nextCode(code, l)
	}
	for ; filled < root; filled++ {
		copy(table[1<<filled:2<<filled], table[:1<<filled])
	}
	return codeComplete
}

// nextCode adds one to a code of l bits whose first bit is the lowest.
func nextCode(code uint32, l int) uint32 {
	for bit := uint32(1) << (l - 1); bit != 0; bit >>= 1 {
		if code&bit == 0 {
			return code&(bit-1) | bit
		}
	}
	return 0
}

// reverse turns a code of l bits around.
func reverse(code uint16, l uint8) uint16 { return bits.Reverse16(code) >> (16 - l) }
