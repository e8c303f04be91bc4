package sapcompress

import (
	"encoding/binary"
	"sync"
)

const (
	// fastInput and fastOutput are the bytes that must be ahead for the loop without
	// per-symbol end checks: two loads of eight bytes; three literals, a match of 258 and
	// the last store of eight bytes that may reach behind it.
	fastInput  = 16
	fastOutput = 3 + 258 + 8
)

// inflater decodes one LZH body. The tables stay with it in the pool.
type inflater struct {
	in  []byte
	ip  int    // next byte to load
	acc uint64 // bits not consumed yet, next bit lowest
	n   uint   // number of bits in acc that count; above them acc may hold bits it will load again
	out output // by value: a pointer would move the caller's to the heap
	op  int    // next byte to write in out.buf

	lit  [litTable]uint32
	dist [distTable]uint32
	code [1 << lensRoot]uint32
	lens [litSymbols + distSymbols]uint8
}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// fixedTables are the tables of block type 1.
type fixedTables struct {
	lit  [litTable]uint32
	dist [distTable]uint32
}

var fixed = sync.OnceValue(func() *fixedTables {
	t := new(fixedTables)
	lit, dist := fixedLengths()
	buildTable(t.lit[:], litRoot, lit[:], litEntries[:])
	buildTable(t.dist[:], distRoot, dist[:], distEntries[:])
	return t
})

// fixedLengths gives the code lengths of the fixed code. Source: RFC 1951 3.2.6 [doc].
func fixedLengths() (lit [288]uint8, dist [32]uint8) {
	for i := range lit {
		switch {
		case i < 144:
			lit[i] = 8
		case i < 256:
			lit[i] = 9
		case i < 280:
			lit[i] = 7
		default:
			lit[i] = 8
		}
	}
	for i := range dist {
		dist[i] = 5
	}
	return lit, dist
}

// decodeLZH decodes body into o.
func decodeLZH(o *output, body []byte) error {
	z := inflaters.Get().(*inflater)
	z.in, z.ip, z.acc, z.n, z.out, z.op = body, 0, 0, 0, *o, o.base
	err := z.stream()
	*o = z.out
	z.in, z.out = nil, output{}
	inflaters.Put(z)
	return err
}

// stream decodes the noise bits and all blocks.
func (z *inflater) stream() error {
	noise, ok := z.bits(2)
	if ok {
		_, ok = z.bits(noise)
	}
	if !ok {
		return z.truncated("noise")
	}
	empty := 0
	for {
		final, ok1 := z.bits(1)
		kind, ok2 := z.bits(2)
		if !ok1 || !ok2 {
			return z.truncated("block")
		}
		start := z.op
		var err error
		switch kind {
		case 1:
			f := fixed()
			err = z.symbols(&f.lit, &f.dist)
		case 2:
			if err = z.trees(); err == nil {
				err = z.symbols(&z.lit, &z.dist)
			}
		default:
			return z.corrupt("block type", "1 (fixed) or 2 (dynamic)", itoa(kind))
		}
		if err != nil {
			return err
		}
		if final != 0 {
			break
		}
		if z.op == start {
			if empty++; empty > maxEmptyBlocks {
				return z.corrupt("block", "at most "+itoa(maxEmptyBlocks)+" empty blocks", "one more")
			}
		}
	}
	if z.op != z.out.end {
		return fail("LZH", "uncompressed_length", z.offset(), ErrLength,
			itoa(z.out.end-z.out.base)+" bytes", itoa(z.op-z.out.base))
	}
	return nil
}

// offset is the block offset of the byte that holds the next bit.
func (z *inflater) offset() int { return HeaderLen + z.ip - int(z.n>>3) }

func (z *inflater) corrupt(field, want, got string) error {
	return fail("LZH", field, z.offset(), ErrCorrupt, want, got)
}

func (z *inflater) truncated(field string) error {
	return fail("LZH", field, HeaderLen+len(z.in), ErrTruncated, "", "the end after "+itoa(z.op-z.out.base)+" plain bytes")
}

func (z *inflater) overrun() error {
	return fail("LZH", "uncompressed_length", z.offset(), ErrLength,
		itoa(z.out.end-z.out.base)+" bytes", "more")
}

// fill loads bytes until at least 57 bits are there or the input ends.
func (z *inflater) fill() {
	for z.n <= 56 && z.ip < len(z.in) {
		z.acc |= uint64(z.in[z.ip]) << z.n
		z.ip++
		z.n += 8
	}
}

// bits takes k bits, k at most 14. It reports false at the end of the input.
func (z *inflater) bits(k uint) (uint, bool) {
	if z.n < k {
		z.fill()
		if z.n < k {
			return 0, false
		}
	}
	v := uint(z.acc) & (1<<k - 1)
	z.acc >>= k
	z.n -= k
	return v, true
}

// trees reads the code lengths of a dynamic block and builds its tables.
func (z *inflater) trees() error {
	v, ok := z.bits(14)
	if !ok {
		return z.truncated("trees")
	}
	lits, dists, codes := int(v&31)+257, int(v>>5&31)+1, int(v>>10)+4
	if lits > litSymbols {
		return z.corrupt("literal codes", "at most "+itoa(litSymbols), itoa(lits))
	}
	if dists > distSymbols {
		return z.corrupt("distance codes", "at most "+itoa(distSymbols), itoa(dists))
	}
	var first [lensSymbols]uint8
	for _, s := range lensOrder[:codes] {
		l, ok := z.bits(3)
		if !ok {
			return z.truncated("code-length tree")
		}
		first[s] = uint8(l)
	}
	if s := buildTable(z.code[:], lensRoot, first[:], lensEntries[:]); s != codeComplete {
		return z.badTree("code-length tree", s)
	}

	// One run over both trees: a repeat may cross from the literal to the distance lengths.
	lens := z.lens[:lits+dists]
	for i := 0; i < len(lens); {
		if z.n < lensRoot+7 {
			z.fill()
		}
		e := z.code[z.acc&(1<<lensRoot-1)]
		l := uint(e & entryBits)
		if l > z.n {
			return z.truncated("code lengths")
		}
		z.acc >>= l
		z.n -= l
		s := uint8(e >> entryValue)
		if s < 16 {
			lens[i] = s
			i++
			continue
		}
		value, extra, repeat := uint8(0), uint(3), 3
		switch s {
		case 16:
			if i == 0 {
				return z.corrupt("code lengths", "a length before the first repeat", "none")
			}
			value, extra = lens[i-1], 2
		case 18:
			extra, repeat = 7, 11
		}
		x, ok := z.bits(extra)
		if !ok {
			return z.truncated("code lengths")
		}
		repeat += int(x)
		if repeat > len(lens)-i {
			return z.corrupt("code lengths", "a repeat of at most "+itoa(len(lens)-i), itoa(repeat))
		}
		for j := range repeat {
			lens[i+j] = value
		}
		i += repeat
	}
	if lens[endOfBlock] == 0 {
		return z.corrupt("literal tree", "a code for the end of the block", "none")
	}
	if s := buildTable(z.lit[:], litRoot, lens[:lits], litEntries[:]); s != codeComplete {
		return z.badTree("literal tree", s)
	}
	switch s := buildTable(z.dist[:], distRoot, lens[lits:], distEntries[:]); s {
	case codeComplete:
	case codeSingle, codeEmpty:
		// RFC 1951 allows a block with one distance or none; every other code is refused
		// where it occurs.
		for i := range z.dist[:1<<distRoot] {
			z.dist[i] = entrySpecial
		}
		for i, l := range lens[lits:] {
			if l != 0 {
				for j := 0; j < 1<<distRoot; j += 2 {
					z.dist[j] = distEntries[i] + 1<<entryCode + 1
				}
			}
		}
	default:
		return z.badTree("distance tree", s)
	}
	return nil
}

func (z *inflater) badTree(field string, s codeState) error {
	var got string
	switch s {
	case codeOverSubscribed:
		got = "an over-subscribed one"
	case codeSingle:
		got = "a single code"
	case codeEmpty:
		got = "no code"
	default:
		got = "an incomplete one"
	}
	return z.corrupt(field, "a complete code", got)
}

// symbols decodes one block up to its end symbol.
func (z *inflater) symbols(lit *[litTable]uint32, dist *[distTable]uint32) error {
	for {
		end, err := z.run(lit, dist)
		if end || err != nil {
			return err
		}
		// Near the end of the input or of the memory: one symbol with every check.
		if len(z.out.buf)-z.op < fastOutput && len(z.out.buf) < z.out.end {
			z.out.grow(z.op, min(fastOutput, z.out.end-z.op))
			continue
		}
		if end, err = z.symbol(lit, dist); end || err != nil {
			return err
		}
	}
}

// run decodes symbols as long as fastInput bytes of input and fastOutput bytes of memory are
// ahead. It reports true at the end of the block.
func (z *inflater) run(lit *[litTable]uint32, dist *[distTable]uint32) (bool, error) {
	in, out := z.in, z.out.buf
	ip, acc, n := z.ip, z.acc, z.n
	op, base := z.op, z.out.base
	lastIn, lastOut := len(in)-fastInput, len(out)-fastOutput
	for ip <= lastIn && op <= lastOut {
		// Whole bytes up to 56..63 bits; the bits of a partly loaded byte are loaded again
		// with the same values next time.
		acc |= binary.LittleEndian.Uint64(in[ip:]) << (n & 63)
		ip += int((63 - n) >> 3)
		n |= 56
		e := lit[acc&(1<<litRoot-1)]
		if e&entryLiteral != 0 {
			acc >>= e & entryBits
			n -= uint(e & entryBits)
			out[op] = byte(e >> entryValue)
			op++
			e = lit[acc&(1<<litRoot-1)]
			if e&entryLiteral != 0 {
				acc >>= e & entryBits
				n -= uint(e & entryBits)
				out[op] = byte(e >> entryValue)
				op++
				e = lit[acc&(1<<litRoot-1)]
				if e&entryLiteral != 0 {
					acc >>= e & entryBits
					n -= uint(e & entryBits)
					out[op] = byte(e >> entryValue)
					op++
					continue
				}
			}
			acc |= binary.LittleEndian.Uint64(in[ip:]) << (n & 63)
			ip += int((63 - n) >> 3)
			n |= 56
		}
		if e&entrySpecial != 0 {
			if e&entrySubtable != 0 {
				acc >>= e & entryBits
				n -= uint(e & entryBits)
				e = lit[int(e>>entryValue&0x7fff)+int(acc&(1<<(e>>entryCode&15)-1))]
			}
			if e&entryLiteral != 0 {
				acc >>= e & entryBits
				n -= uint(e & entryBits)
				out[op] = byte(e >> entryValue)
				op++
				continue
			}
			if e&entrySpecial != 0 {
				z.ip, z.acc, z.n, z.op = ip, acc>>(e&entryBits), n-uint(e&entryBits), op
				if e&entryEnd != 0 {
					return true, nil
				}
				return false, z.corrupt("literal code", "a symbol up to 285", "286 or 287")
			}
		}
		length := int(e>>entryValue) + int(acc&(1<<(e&entryBits)-1)>>(e>>entryCode&15))
		acc >>= e & entryBits
		n -= uint(e & entryBits)

		e = dist[acc&(1<<distRoot-1)]
		if e&entrySpecial != 0 {
			if e&entrySubtable != 0 {
				acc >>= e & entryBits
				n -= uint(e & entryBits)
				e = dist[int(e>>entryValue&0x7fff)+int(acc&(1<<(e>>entryCode&15)-1))]
			}
			if e&entrySpecial != 0 {
				z.ip, z.acc, z.n, z.op = ip, acc, n, op
				return false, z.corrupt("distance code", "a distance of at most "+itoa(maxLZHDistance), "a code beyond")
			}
		}
		d := int(e>>entryValue) + int(acc&(1<<(e&entryBits)-1)>>(e>>entryCode&15))
		acc >>= e & entryBits
		n -= uint(e & entryBits)
		if d > op-base {
			z.ip, z.acc, z.n, z.op = ip, acc, n, op
			return false, z.tooFar(d)
		}

		s, stop := op-d, op+length
		switch {
		case d >= 8:
			if length > 64 && d >= length {
				copy(out[op:stop], out[s:])
				break
			}
			for {
				binary.LittleEndian.PutUint64(out[op:], binary.LittleEndian.Uint64(out[s:]))
				op += 8
				s += 8
				if op >= stop {
					break
				}
			}
		case d == 2 || d == 1 || d == 4:
			// Blank runs of UTF-16 text: a pattern whose period divides eight.
			v := binary.LittleEndian.Uint64(out[s:])
			switch d {
			case 2:
				v = v & 0xffff * 0x0001000100010001
			case 1:
				v = v & 0xff * 0x0101010101010101
			default:
				v = v & 0xffffffff * 0x0000000100000001
			}
			for ; op < stop; op += 8 {
				binary.LittleEndian.PutUint64(out[op:], v)
			}
		default:
			for ; op < stop; op++ {
				out[op] = out[op-d]
			}
		}
		op = stop
	}
	z.ip, z.acc, z.n, z.op = ip, acc, n, op
	return false, nil
}

func (z *inflater) tooFar(d int) error {
	return z.corrupt("distance", "at most "+itoa(z.op-z.out.base)+" bytes back", itoa(d))
}

// lookup takes one symbol with its extra bits. It reports false at the end of the input.
func (z *inflater) lookup(table []uint32, root uint) (e uint32, extra int, ok bool) {
	e = table[z.acc&(1<<root-1)]
	if e&entrySubtable != 0 {
		if root > z.n {
			return 0, 0, false
		}
		z.acc >>= root
		z.n -= root
		e = table[int(e>>entryValue&0x7fff)+int(z.acc&(1<<(e>>entryCode&15)-1))]
	}
	k := uint(e & entryBits)
	if k > z.n {
		return 0, 0, false
	}
	extra = int(z.acc & (1<<k - 1) >> (e >> entryCode & 15))
	z.acc >>= k
	z.n -= k
	return e, extra, true
}

// symbol decodes one literal or match, checking every end. It reports true at the end of
// the block.
func (z *inflater) symbol(lit *[litTable]uint32, dist *[distTable]uint32) (bool, error) {
	z.fill()
	e, extra, ok := z.lookup(lit[:], litRoot)
	if !ok {
		return false, z.truncated("literal code")
	}
	out := z.out.buf
	if e&entryLiteral != 0 {
		if z.op == len(out) {
			return false, z.overrun()
		}
		out[z.op] = byte(e >> entryValue)
		z.op++
		return false, nil
	}
	if e&entrySpecial != 0 {
		if e&entryEnd != 0 {
			return true, nil
		}
		return false, z.corrupt("literal code", "a symbol up to 285", "286 or 287")
	}
	length := int(e>>entryValue) + extra
	z.fill()
	e, extra, ok = z.lookup(dist[:], distRoot)
	if !ok {
		return false, z.truncated("distance code")
	}
	if e&entrySpecial != 0 {
		return false, z.corrupt("distance code", "a distance of at most "+itoa(maxLZHDistance), "a code beyond")
	}
	d := int(e>>entryValue) + extra
	if d > z.op-z.out.base {
		return false, z.tooFar(d)
	}
	// The memory reaches to the declared end here, or a whole match ahead.
	if length > len(out)-z.op {
		return false, z.overrun()
	}
	for stop := z.op + length; z.op < stop; {
		z.op += copy(out[z.op:stop], out[z.op-d:z.op])
	}
	return false, nil
}
