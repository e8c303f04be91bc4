package codepage

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode/utf32"
)

// The code pages that RFC itself uses. They are the values that [Lookup] gives for
// their numbers and must not be assigned to.
var (
	// Latin1 is 1100, ISO 8859-1: the default initial code page. Source: spec 26.1
	// [doc, capture].
	Latin1 = lazy(numberLatin1, "ISO 8859-1", kindLatin1, nil)
	// ASCII is 1101: seven bits, other bytes are refused.
	ASCII = ascii("1101")
	// UTF16BE is 4102.
	UTF16BE = wide(numberBE, "UTF-16BE", kindUTF16BE, []byte{0, ' '})
	// UTF16LE is 4103, the code page of every Unicode session seen. Source: spec 26.2
	// [capture].
	UTF16LE = wide(numberLE, "UTF-16LE", kindUTF16LE, []byte{' ', 0})
	// UTF8 is 4110, the code page of STRING and XML. Source: spec 26.2 [impl].
	UTF8 = lazy("4110", "UTF-8", kindUTF8, nil)
)

func wide(number, name string, k kind, blank []byte) *Codepage {
	c := lazy(number, name, k, nil)
	c.width, c.blank = len(blank), blank
	return c
}

func ascii(number string) *Codepage {
	return tabled(number, "US-ASCII", ' ', func(b byte) rune {
		if b < 0x80 {
			return rune(b)
		}
		return -1
	})
}

func tabled(number, name string, blank byte, decode func(b byte) rune) *Codepage {
	c := lazy(number, name, kindSingle, nil)
	c.blank = []byte{blank}
	c.table = func() *singleTable { return newSingleTable(decode) }
	return c
}

// ebcdic500 decodes EBCDIC code page 500, which is code page 037 with seven
// characters in other places. Source: spec 26.1.
func ebcdic500(b byte) rune {
	switch b {
	case 0x4a:
		return '['
	case 0x4f:
		return '!'
	case 0x5a:
		return ']'
	case 0x5f:
		return '^'
	case 0xb0:
		return '\u00a2'
	case 0xba:
		return '\u00ac'
	case 0xbb:
		return '|'
	}
	return charmap.CodePage037.DecodeByte(b)
}

// ebcdicInvariant decodes the part of EBCDIC that is the same in all variants:
// letters, digits, the blank and some punctuation. The other code pages of the
// family differ by country, and nothing but eyecatchers and error texts uses them.
func ebcdicInvariant(b byte) rune {
	r := charmap.CodePage037.DecodeByte(b)
	switch {
	case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z':
		return r
	case r < 0x80 && strings.ContainsRune(" \"%&'()*+,-./:;<=>?_", r):
		return r
	}
	return -1
}

// gb2312 holds the assigned cells of GB 2312-80 as first and last code of each run
// in EUC form. The two big blocks of ideographs are tested by their lead bytes.
var gb2312 = [...][2]uint16{
	{0xa1a1, 0xa1fe},
	{0xa2b1, 0xa2e2},
	{0xa2e5, 0xa2ee},
	{0xa2f1, 0xa2fc},
	{0xa3a1, 0xa3fe},
	{0xa4a1, 0xa4f3},
	{0xa5a1, 0xa5f6},
	{0xa6a1, 0xa6b8},
	{0xa6c1, 0xa6d8},
	{0xa7a1, 0xa7c1},
	{0xa7d1, 0xa7f1},
	{0xa8a1, 0xa8ba},
	{0xa8c5, 0xa8e9},
	{0xa9a4, 0xa9ef},
}

// inGB2312 reports whether an encoded GBK character belongs to GB 2312-80.
func inGB2312(b []byte) bool {
	if len(b) != 2 {
		return len(b) == 1 && b[0] < 0x80
	}
	lead, trail := b[0], b[1]
	if lead >= 0xb0 && lead <= 0xf7 && trail >= 0xa1 && trail <= 0xfe {
		return lead != 0xd7 || trail <= 0xf9
	}
	code := uint16(lead)<<8 | uint16(trail)
	for _, run := range gb2312 {
		if code >= run[0] && code <= run[1] {
			return true
		}
	}
	return false
}

func narrowChars(number, name string, m *charmap.Charmap) *Codepage {
	return tabled(number, name, ' ', m.DecodeByte)
}

func multi(number, name string, enc encoding.Encoding) *Codepage {
	c := lazy(number, name, kindMulti, func() encoding.Encoding { return enc })
	c.plain = true
	return c
}

// builtin lists the code pages of spec 26.1.
func builtin() []*Codepage {
	list := []*Codepage{
		Latin1, ASCII, UTF16BE, UTF16LE, UTF8, ascii("1105"),
		tabled("0120", "EBCDIC 500", 0x40, ebcdic500),
		lazy("1140", "ISO 8859-1", kindLatin1, nil),
		lazy("1180", "ISO 8859-1", kindLatin1, nil),
		narrowChars("1103", "IBM 850", charmap.CodePage850),
		narrowChars("1403", "IBM 852", charmap.CodePage852),
		narrowChars("1503", "IBM 866", charmap.CodePage866),
		narrowChars("1509", "KOI8-U", charmap.KOI8U),
		narrowChars("1510", "KOI8-R", charmap.KOI8R),
		narrowChars("1160", "Windows-1252", charmap.Windows1252),
		narrowChars("1164", "ISO 8859-15", charmap.ISO8859_15),
		narrowChars("1401", "ISO 8859-2", charmap.ISO8859_2),
		narrowChars("1404", "Windows-1250", charmap.Windows1250),
		narrowChars("1500", "ISO 8859-5", charmap.ISO8859_5),
		narrowChars("1504", "Windows-1251", charmap.Windows1251),
		narrowChars("1610", "ISO 8859-9", charmap.ISO8859_9),
		narrowChars("1614", "Windows-1254", charmap.Windows1254),
		narrowChars("1700", "ISO 8859-7", charmap.ISO8859_7),
		narrowChars("1704", "Windows-1253", charmap.Windows1253),
		narrowChars("1800", "ISO 8859-8", charmap.ISO8859_8),
		narrowChars("1804", "Windows-1255", charmap.Windows1255),
		narrowChars("1900", "ISO 8859-4", charmap.ISO8859_4),
		narrowChars("1904", "Windows-1257", charmap.Windows1257),
		narrowChars("8600", "TIS-620", charmap.Windows874),
		narrowChars("8604", "Windows-874", charmap.Windows874),
		narrowChars("8700", "ISO 8859-6", charmap.ISO8859_6),
		narrowChars("8704", "Windows-1256", charmap.Windows1256),
		narrowChars("8805", "Windows-1258", charmap.Windows1258),
		multi("8000", "Shift-JIS (CP932)", japanese.ShiftJIS),
		multi("8004", "Shift-JIS (CP932)", japanese.ShiftJIS),
		multi("8100", "EUC-JP", japanese.EUCJP),
		multi("8200", "ISO-2022-JP", japanese.ISO2022JP),
		multi("8300", "Big5 (CP950)", traditionalchinese.Big5),
		multi("8304", "Big5 (CP950)", traditionalchinese.Big5),
		multi("8340", "Big5-HKSCS", traditionalchinese.Big5),
		multi("8400", "GB 2312-80", simplifiedchinese.GBK),
		multi("8401", "GB 18030", simplifiedchinese.GB18030),
		multi("8404", "GBK (CP936)", simplifiedchinese.GBK),
		multi("8450", "EUC-CN", simplifiedchinese.GBK),
		multi("8500", "KS C 5601 (CP949)", korean.EUCKR),
		multi("8504", "KS C 5601 (CP949)", korean.EUCKR),
		wide("4104", "UTF-32BE", kindMulti, []byte{0, 0, 0, ' '}),
		wide("4105", "UTF-32LE", kindMulti, []byte{' ', 0, 0, 0}),
	}
	for _, c := range list {
		switch c.number {
		case "8200":
			c.stateful = true
		case "8400", "8450":
			// Note 628299: the page holds GB 2312-80, so nothing else may be sent. [doc]
			c.only = inGB2312
		case "4104":
			c.open = func() encoding.Encoding { return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM) }
		case "4105":
			c.open = func() encoding.Encoding { return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM) }
		}
	}
	for n := 100; n <= 126; n++ {
		if n != 120 {
			list = append(list, tabled(fmt.Sprintf("%04d", n), "EBCDIC invariant", 0x40, ebcdicInvariant))
		}
	}
	for _, n := range []string{"0410", "0500", "0610", "0700", "0800", "0860"} {
		list = append(list, tabled(n, "EBCDIC invariant", 0x40, ebcdicInvariant))
	}
	return list
}

// registry is filled at the first look-up, so that a program that needs UTF-16 only
// does no work for the others.
var registry = struct {
	once sync.Once

	mu    sync.RWMutex
	pages map[string]*Codepage
}{}

func fillRegistry() {
	registry.once.Do(func() {
		registry.mu.Lock()
		defer registry.mu.Unlock()
		registry.pages = make(map[string]*Codepage)
		for _, c := range builtin() {
			registry.pages[c.number] = c
		}
	})
}

// Lookup gives the code page of a four-digit number. An unknown number gives an
// [*UnknownError].
func Lookup(number string) (*Codepage, error) {
	switch number {
	case numberLE:
		return UTF16LE, nil
	case numberBE:
		return UTF16BE, nil
	}
	fillRegistry()
	registry.mu.RLock()
	defer registry.mu.RUnlock()
	if c, ok := registry.pages[number]; ok {
		return c, nil
	}
	return nil, &UnknownError{Number: number}
}

// Register adds code pages made by [New], or replaces built-in ones: the numbers can
// be customised in an SAP system. 1100, 4102, 4103 and 4110 cannot be replaced
// because the protocol itself depends on them. Register is meant for program start;
// connections that exist keep the code page they looked up. Either all pages are
// registered or none.
func Register(pages ...*Codepage) error {
	fillRegistry()
	for _, c := range pages {
		if c == nil {
			return fmt.Errorf("code page registry: nil code page")
		}
		switch c.number {
		case numberLatin1, numberBE, numberLE, "4110":
			return fmt.Errorf("code page %s is fixed by the protocol and cannot be replaced", c.number)
		}
		if !validNumber(c.number) {
			return fmt.Errorf("code page number %.32q is not four decimal digits", c.number)
		}
	}
	registry.mu.Lock()
	defer registry.mu.Unlock()
	for _, c := range pages {
		registry.pages[c.number] = c
	}
	return nil
}

// Numbers lists the known code page numbers in ascending order.
func Numbers() []string {
	fillRegistry()
	registry.mu.RLock()
	defer registry.mu.RUnlock()
	list := make([]string, 0, len(registry.pages))
	for n := range registry.pages {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

func supportedText() string { return strings.Join(Numbers(), ", ") }
