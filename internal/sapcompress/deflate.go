package sapcompress

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
)

const (
	minMatch   = 3
	maxMatch   = 258
	windowMask = 1<<14 - 1
	maxHash    = 15 // bits of the largest hash table

	// A token is a literal byte or matchToken | length-3 << 16 | distance.
	matchToken = 1 << 31

	maxLensBits = 7 // longest code-length code
)

// effort is what one compression level spends on the search.
type effort struct {
	chain int // candidates looked at per position
	lazy  int // matches at least this long are taken without a look at the next position
	nice  int // a match this long ends the search
}

// efforts by level. Level 2 is what the reference announces; its own search depth is not
// known, so these numbers are ours.
var efforts = [10]effort{
	{1, 0, 8},
	{4, 0, 16},
	{8, 12, 32},
	{20, 24, 96},
	{32, 32, 128},
	{64, 64, 258},
	{128, 258, 258},
	{256, 258, 258},
	{1024, 258, 258},
	{4096, 258, 258},
}

// deflater is the state of the LZH encoder.
type deflater struct {
	head [1 << maxHash]uint32   // newest position + 1 by hash, 0 for none
	prev [windowMask + 1]uint32 // the position + 1 before, with the same hash
	toks [blockTokens]uint32    // literals and matches of the block being collected
	nTok int                    // tokens in use
	acc  uint64                 // bits not written yet, next bit lowest
	n    uint                   // number of bits in acc, below 32 between tokens
	lit  huffman                // literal/length tree
	dist huffman                // distance tree
	lens huffman                // code-length tree
	runs [litSymbols + distSymbols]lensRun
}

// lensRun is one symbol of the packed code lengths with its extra bits.
type lensRun struct{ symbol, extra uint8 }

// huffman collects frequencies and holds the code made of them.
type huffman struct {
	freq  [litSymbols]uint32
	len   [litSymbols]uint8
	code  [litSymbols]uint16 // first bit lowest
	order [litSymbols]uint32
	node  [2 * litSymbols]uint32
	up    [2 * litSymbols]uint16
}

var deflaters = sync.Pool{New: func() any { return new(deflater) }}

// lengthSymbol is the symbol above 257 of a match length minus 3; distSymbol is computed.
var lengthSymbol = func() (t [maxMatch - minMatch + 1]uint8) {
	for s := range lengthBase {
		for l := int(lengthBase[s]); l <= maxMatch && l < int(lengthBase[s])+1<<lengthExtra[s]; l++ {
			t[l-minMatch] = uint8(s)
		}
	}
	return t
}()

// distSymbol gives the symbol of a distance of at least 1.
func distSymbol(d uint32) uint32 {
	d--
	if d < 4 {
		return d
	}
	top := uint32(bits.Len32(d)) - 1
	return 2*top + d>>(top-1)&1
}

// AppendLZH appends the LZH block of src, header first, and returns the extended slice.
// level 0 to 9 is the effort (values outside are brought inside) and is noted in the
// header; 2 is what SAP systems note. The noise count is always 0, blocks have fixed or
// dynamic trees, every tree is complete, no match reaches farther back than 16122 bytes,
// and one zero byte follows the stream, as the reference writes it. Equal input and level
// give equal bytes. src is not kept and must not overlap the spare capacity of dst.
//
// The format cannot hold more than [MaxLength] bytes: dst is then returned unchanged,
// which is recognizable because a block has at least [HeaderLen] bytes.
//
// Source: spec 23.2 [impl] [experiment].
func AppendLZH(dst, src []byte, level int) []byte {
	if uint64(len(src)) > MaxLength {
		return dst
	}
	level = min(max(level, 0), len(efforts)-1)
	dst = appendHeader(dst, len(src), LZH, uint8(level))
	z := deflaters.Get().(*deflater)
	dst = z.encode(dst, src, efforts[level])
	deflaters.Put(z)
	return dst
}

func (z *deflater) encode(dst, src []byte, e effort) []byte {
	z.nTok, z.acc, z.n = 0, 0, 0
	z.lit.reset()
	z.dist.reset()
	dst = z.put(dst, 0, 2) // noise count
	dst = z.search(dst, src, e)
	dst = z.block(dst, true)
	for ; z.n > 0; z.n -= min(z.n, 8) {
		dst = append(dst, byte(z.acc))
		z.acc >>= 8
	}
	return append(dst, 0)
}

// search finds the literals and matches of src and writes every full block but the last.
func (z *deflater) search(dst, src []byte, e effort) []byte {
	// A small input needs a small table, and only that much is cleared.
	hashBits := min(max(bits.Len(uint(len(src))), 8), maxHash)
	clear(z.head[:1<<hashBits])
	shift := 32 - hashBits
	end := len(src) - 4 // last position with a hash

	waiting, waitLen, waitDist := false, 0, 0 // the position before, not written yet
	for pos := 0; pos < len(src); {
		length, dist := 0, 0
		if pos <= end {
			h := hash4(src, pos) >> shift
			candidate := z.head[h]
			z.prev[pos&windowMask] = candidate
			z.head[h] = uint32(pos) + 1
			if candidate != 0 && (!waiting || waitLen < e.lazy) {
				length, dist = z.longest(src, pos, candidate, waitLen, e)
			}
		}
		if waiting && waitLen >= minMatch && waitLen >= length {
			dst = z.token(dst, matchToken|uint32(waitLen-minMatch)<<16|uint32(waitDist))
			stop := pos - 1 + waitLen
			z.insert(src, pos+1, min(stop, end+1), shift)
			pos, waiting, waitLen = stop, false, 0
			continue
		}
		if waiting {
			dst = z.token(dst, uint32(src[pos-1]))
			waiting, waitLen = false, 0
		}
		switch {
		case length >= minMatch && length >= e.lazy:
			dst = z.token(dst, matchToken|uint32(length-minMatch)<<16|uint32(dist))
			z.insert(src, pos+1, min(pos+length, end+1), shift)
			pos += length
		case length >= minMatch:
			waiting, waitLen, waitDist = true, length, dist
			pos++
		default:
			dst = z.token(dst, uint32(src[pos]))
			pos++
		}
	}
	return dst
}

// insert enters positions from up to before to into the chains.
func (z *deflater) insert(src []byte, from, to, shift int) {
	for p := from; p < to; p++ {
		h := hash4(src, p) >> shift
		z.prev[p&windowMask] = z.head[h]
		z.head[h] = uint32(p) + 1
	}
}

// hash4 covers four bytes, two characters of UTF-16: with three, every chain of table text is
// full of candidates that share one letter. Matches of three are found by collision only,
// and literals cost about the same.
func hash4(src []byte, p int) uint32 {
	return binary.LittleEndian.Uint32(src[p:]) * 0x9e3779b1
}

// longest follows the chain from candidate (a position + 1) and gives the longest match at
// pos that is longer than atLeast, or 0.
func (z *deflater) longest(src []byte, pos int, candidate uint32, atLeast int, e effort) (length, dist int) {
	room := min(maxMatch, len(src)-pos)
	best := max(atLeast, minMatch-1)
	if best >= room {
		return 0, 0
	}
	nice := min(e.nice, room)
	here := src[pos : pos+room]
	for left := e.chain; left > 0 && candidate != 0; left-- {
		c := int(candidate) - 1
		d := pos - c
		if d <= 0 || d > maxEncodeDistance {
			break
		}
		there := src[c : c+room]
		if there[best] == here[best] {
			if l := common(there, here); l > best && (l > minMatch || d <= maxFarLength3) {
				best, length, dist = l, l, d
				if l >= nice {
					break
				}
			}
		}
		candidate = z.prev[c&windowMask]
	}
	return length, dist
}

// common counts the equal bytes at the start of two slices of the same length.
func common(a, b []byte) int {
	i := 0
	for ; i+8 <= len(a) && i+8 <= len(b); i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)>>3
		}
	}
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

// token collects one token and writes the block when it is full.
func (z *deflater) token(dst []byte, t uint32) []byte {
	if z.nTok == len(z.toks) {
		dst = z.block(dst, false)
	}
	z.toks[z.nTok] = t
	z.nTok++
	if t&matchToken == 0 {
		z.lit.freq[t&0xff]++
	} else {
		z.lit.freq[257+int(lengthSymbol[t>>16&0xff])]++
		z.dist.freq[distSymbol(t&0xffff)]++
	}
	return dst
}

// put writes k bits, k at most 32.
func (z *deflater) put(dst []byte, v uint64, k uint) []byte {
	z.acc |= v << z.n
	z.n += k
	if z.n >= 32 {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(z.acc))
		z.acc >>= 32
		z.n -= 32
	}
	return dst
}

// fixedHuffman holds the fixed trees for writing.
var fixedHuffman = sync.OnceValue(func() *[2]huffman {
	t := new([2]huffman)
	lit, dist := fixedLengths()
	copy(t[0].len[:], lit[:])
	copy(t[1].len[:], dist[:])
	t[0].assign(lit[:])
	t[1].assign(dist[:])
	return t
})

// block writes the collected tokens as one block under the cheaper kind of trees.
func (z *deflater) block(dst []byte, final bool) []byte {
	z.lit.freq[endOfBlock]++
	lits := z.lit.build(litSymbols, 257, maxCodeBits)
	dists := z.dist.build(distSymbols, 1, maxCodeBits)
	runs := packLens(z.runs[:0], z.lit.len[:lits])
	runs = packLens(runs, z.dist.len[:dists])
	z.lens.reset()
	for _, r := range runs {
		z.lens.freq[r.symbol]++
	}
	z.lens.build(lensSymbols, lensSymbols, maxLensBits)
	codes := lensSymbols
	for codes > 4 && z.lens.len[lensOrder[codes-1]] == 0 {
		codes--
	}

	dynamic, plain := 14+3*codes, 0
	for _, r := range runs {
		dynamic += int(z.lens.len[r.symbol]) + int(runBits(r.symbol))
	}
	fix := fixedHuffman()
	for s, f := range z.lit.freq {
		dynamic += int(f) * int(z.lit.len[s])
		plain += int(f) * int(fix[0].len[s])
	}
	for s, f := range z.dist.freq[:distSymbols] {
		dynamic += int(f) * int(z.dist.len[s])
		plain += int(f) * int(fix[1].len[s])
	}

	last := uint64(0)
	if final {
		last = 1
	}
	lit, dist := &z.lit, &z.dist
	if plain <= dynamic {
		dst = z.put(dst, last|1<<1, 3)
		lit, dist = &fix[0], &fix[1]
	} else {
		dst = z.put(dst, last|2<<1, 3)
		dst = z.put(dst, uint64(lits-257)|uint64(dists-1)<<5|uint64(codes-4)<<10, 14)
		for _, s := range lensOrder[:codes] {
			dst = z.put(dst, uint64(z.lens.len[s]), 3)
		}
		for _, r := range runs {
			l := uint(z.lens.len[r.symbol])
			dst = z.put(dst, uint64(z.lens.code[r.symbol])|uint64(r.extra)<<l, l+runBits(r.symbol))
		}
	}
	for _, t := range z.toks[:z.nTok] {
		if t&matchToken == 0 {
			dst = z.put(dst, uint64(lit.code[t&0xff]), uint(lit.len[t&0xff]))
			continue
		}
		s := uint(lengthSymbol[t>>16&0xff])
		l := uint(lit.len[257+s])
		extra := uint64(t>>16&0xff) + minMatch - uint64(lengthBase[s])
		dst = z.put(dst, uint64(lit.code[257+s])|extra<<l, l+uint(lengthExtra[s]))
		s = uint(distSymbol(t & 0xffff))
		l = uint(dist.len[s])
		extra = uint64(t&0xffff) - uint64(distBase[s])
		dst = z.put(dst, uint64(dist.code[s])|extra<<l, l+uint(distExtra[s]))
	}
	dst = z.put(dst, uint64(lit.code[endOfBlock]), uint(lit.len[endOfBlock]))
	z.nTok = 0
	z.lit.reset()
	z.dist.reset()
	return dst
}

func (h *huffman) reset() { clear(h.freq[:]) }

// build makes a complete code of at most limit bits for the first n symbols and returns how
// many lengths have to be sent, at least atLeast. A code has at least two symbols: the
// one-symbol code that RFC 1951 allows is refused by one known decoder [experiment], so
// unused symbols join in with length 1.
func (h *huffman) build(n, atLeast, limit int) int {
	clear(h.len[:])
	order := h.order[:0]
	for s, f := range h.freq[:n] {
		if f != 0 {
			order = append(order, f<<16|uint32(s))
		}
	}
	for s := 0; len(order) < 2; s++ {
		if h.freq[s] == 0 {
			order = append(order, uint32(s))
		}
	}
	slices.Sort(order)
	h.depths(order, limit)
	h.assign(h.len[:n])
	for n > atLeast && h.len[n-1] == 0 {
		n--
	}
	return n
}

// depths sets h.len for symbols ordered by frequency (high 16 bits), rarest first.
func (h *huffman) depths(order []uint32, limit int) {
	k := len(order)
	weight, up := h.node[:2*k-1], h.up[:2*k-1]
	for i, o := range order {
		weight[i] = o >> 16
	}
	// Join the two lightest nodes until one is left; leaves and joined nodes are each in
	// ascending order, so two cursors find them.
	leaf, joined := 0, k
	lightest := func(made int) int {
		if leaf < k && (joined >= made || weight[leaf] <= weight[joined]) {
			leaf++
			return leaf - 1
		}
		joined++
		return joined - 1
	}
	for made := k; made < 2*k-1; made++ {
		a := lightest(made)
		b := lightest(made)
		weight[made] = weight[a] + weight[b]
		up[a], up[b] = uint16(made), uint16(made)
	}
	// Depths from the root down; weight is reused for them.
	var count [maxCodeBits + 1]int
	over := 0
	weight[2*k-2] = 0
	for i := 2*k - 3; i >= 0; i-- {
		weight[i] = weight[up[i]] + 1
		if i < k {
			d := min(int(weight[i]), limit)
			count[d]++
		}
	}
	// Codes cut to the limit take too much room: over counts the excess in units of the
	// longest code. Each step pairs one longest code with a shorter leaf, one level below
	// it, which frees exactly one unit, so the code ends complete.
	for d := 1; d <= limit; d++ {
		over += count[d] << (limit - d)
	}
	for over -= 1 << limit; over > 0; over-- {
		d := limit - 1
		for count[d] == 0 {
			d--
		}
		count[d]--
		count[d+1] += 2
		count[limit]--
	}
	i := 0
	for d := limit; d > 0; d-- {
		for range count[d] {
			h.len[order[i]&0xffff] = uint8(d)
			i++
		}
	}
}

// assign gives the canonical codes of the lengths.
func (h *huffman) assign(lens []uint8) {
	var next [maxCodeBits + 2]uint16 // at first the codes of l-1 bits, then the first code of l bits
	for _, l := range lens {
		if l != 0 {
			next[l+1]++
		}
	}
	for l := 2; l < len(next); l++ {
		next[l] = (next[l-1] + next[l]) << 1
	}
	for s, l := range lens {
		if l != 0 && s < len(h.code) {
			h.code[s] = reverse(next[l], l)
			next[l]++
		}
	}
}

// runBits is the number of extra bits of a code-length symbol.
func runBits(symbol uint8) uint {
	switch symbol {
	case 16:
		return 2
	case 17:
		return 3
	case 18:
		return 7
	default:
		return 0
	}
}

// packLens packs code lengths into symbols with repeats; repeats never cross the border
// between two trees because each tree is packed on its own.
func packLens(runs []lensRun, lens []uint8) []lensRun {
	for i := 0; i < len(lens); {
		l := lens[i]
		n := 1
		for i+n < len(lens) && lens[i+n] == l {
			n++
		}
		i += n
		if l != 0 {
			runs = append(runs, lensRun{symbol: l})
			n--
		}
		for n > 0 {
			switch {
			case l == 0 && n >= 11:
				k := min(n, 138)
				runs = append(runs, lensRun{18, uint8(k - 11)})
				n -= k
			case l == 0 && n >= 3:
				runs = append(runs, lensRun{17, uint8(n - 3)})
				n = 0
			case l != 0 && n >= 3:
				k := min(n, 6)
				runs = append(runs, lensRun{16, uint8(k - 3)})
				n -= k
			default:
				runs = append(runs, lensRun{symbol: l})
				n--
			}
		}
	}
	return runs
}
