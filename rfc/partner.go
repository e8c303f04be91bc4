package rfc

import (
	"errors"
	"fmt"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/serialization"
)

// ErrCodepage: a code page that is unknown, that a text does not fit, or of a partner that is
// no Unicode system although none was allowed. Other connectors know it as group 125.
var ErrCodepage = errors.New("code page not supported")

// Kinds of senders in item 0101 (spec 03 section 3.1 [capture]).
const (
	kindABAP     = 1
	kindExternal = 3
)

// writingFor decides how this side writes to a partner. Everybody decodes what the sender
// describes and writes as it pleases ("the receiver makes it right", spec 03 section 3.1
// [capture: kernel 793 answers a big-endian JCo in UTF-16LE and little-endian numbers]).
// There are two exceptions:
//
// A partner that is not Unicode cannot read UTF-16: it gets its own code page [inferred from
// spec 20.7 and 26.4: in mixed conversations the Unicode side converts]. Of numbers it still
// makes right what comes. A capture of a call between a Unicode and a non-Unicode system
// would confirm it.
//
// With mirror a partner gets the byte order that it writes itself, numbers and UTF-16, in
// case it does not make it right after all (spec 05 L3).
func writingFor(own, partner serialization.Representation, mirror bool) serialization.Representation {
	switch {
	case !own.Unicode():
		return own // it has nothing else
	case !partner.Unicode():
		return serialization.Representation{Text: partner.Text, BigEndian: own.BigEndian && !mirror || mirror && partner.BigEndian}
	case mirror:
		return partner
	default:
		return own
	}
}

// describe is the description of a sender that writes like rep.
func describe(kind byte, rep serialization.Representation) SenderDescription {
	s := SenderDescription{0: kind, 1: 1, 2: 1, 3: 1}
	if rep.BigEndian {
		s[1] = 2
	}
	if rep.Unicode() {
		s[3] = 5
	}
	number := pageOf(rep).Number()
	for i := range 4 {
		s[4+i] = number[i] - '0'
	}
	return s
}

// pageOf is the code page of rep, never nil.
func pageOf(rep serialization.Representation) *codepage.Codepage {
	if rep.Text == nil {
		return codepage.UTF16LE
	}
	return rep.Text
}

// appendDescription appends item 0101.
func appendDescription(dst []byte, kind byte, rep serialization.Representation) []byte {
	d := describe(kind, rep)
	return chain.Append(dst, chain.SenderDescription, d[:])
}

// headerOf is the value of item 0106 for a party that is at home in the code page of rep,
// whatever it writes to its partner: a Unicode system that refuses a logon in single bytes
// says 4103 and two bytes here [capture].
func headerOf(template unicodeHeader, rep serialization.Representation) unicodeHeader {
	number := pageOf(rep).Number()
	for i := range 4 {
		template[i] = number[i] - '0'
	}
	template[6] = byte(rep.CharWidth())
	return template
}

// lookUp finds the code page of a conversation.
func lookUp(number string) (*codepage.Codepage, error) {
	cp, err := codepage.Lookup(number)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrCodepage, err)
	case cp.CharWidth() > 2:
		return nil, fmt.Errorf("%w: %s is not used on RFC", ErrCodepage, cp)
	}
	return cp, nil
}

// partnerIs takes what the partner said of its texts and numbers at logon. Partners that are
// no Unicode systems are refused unless they were allowed: values would fit other widths, and
// characters could be missing.
func (c *Conn) partnerIs(rep serialization.Representation) error {
	if !rep.Unicode() && !c.readsNonUnicode() {
		return &Error{
			Class: ClassUnsupported, Step: StepLogon, Key: classes[ClassUnsupported].key, Closed: true, Err: ErrCodepage,
			Message: fmt.Sprintf("the partner is not a Unicode system: it answers in code page %s; set AllowNonUnicode to work with it", rep.Text),
		}
	}
	c.learn(rep)
	return nil
}

func (c *Conn) readsNonUnicode() bool { return c.cfg.AllowNonUnicode || !c.own.Unicode() }

// learn remembers how the partner writes and how to write to it. A partner that is not
// allowed to be non-Unicode still describes single records, such as the error that ends the
// session, in other ways.
func (c *Conn) learn(rep serialization.Representation) {
	if !rep.Unicode() && !c.readsNonUnicode() {
		return
	}
	c.peer = rep
	c.write = writingFor(c.own, rep, false)
	// What the partner does not expect is announced, in front of each call as JCo does (spec
	// 03 section 9 [capture-note]).
	if c.write != c.expected || c.announce != nil {
		c.announce = appendDescription(nil, kindExternal, c.write)
	}
}

// expectedBehind is how a partner expects the calls behind a logon in the code page cp: like
// the logon, but a Unicode client that logs on in another page goes on in UTF-16LE (spec 03
// section 1.1 [capture]).
func expectedBehind(own serialization.Representation, cp *codepage.Codepage) serialization.Representation {
	if cp.CharWidth() == 2 || !own.Unicode() {
		return serialization.Representation{Text: cp, BigEndian: own.BigEndian}
	}
	return serialization.Representation{Text: codepage.UTF16LE, BigEndian: own.BigEndian}
}
