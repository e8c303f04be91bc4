package bxml

import (
	"errors"
	"fmt"
	"strconv"
)

// The tokens. Source: spec 43.3 [capture].
const (
	tokenHeader    = 0x3f // length key length value
	tokenName      = 0x2b // length name: the next index
	tokenBind      = 0x3a // prefix, URI
	tokenUse       = 0x2a // URI
	tokenOpen      = 0x3c // name, namespace
	tokenClose     = 0x3e
	tokenAttribute = 0x40 // name, namespace; a value follows
	tokenValue     = 0x41 // length text
	tokenText      = 0x54 // length text
	tokenString    = 0x43 // length text
	tokenBody      = 0x42 // length bytes
)

// References count names from firstRef; noNamespace stands where a namespace could.
const (
	firstRef    = 2
	noNamespace = 1
)

// The fixed texts of a document.
const (
	magic       = "BXML"
	version     = "0.7"
	encoding    = "utf-8"
	uri         = "http://www.sap.com/abapxml"
	hintURI     = "http://www.sap.com/abapxml/hint"
	rootName    = "abap"
	valuesName  = "values"
	heapName    = "heap"
	versionName = "version"
	versionText = "1.0"
	linesName   = "lines"
)

// envelope opens every document: 144 bytes with the names asx, uri, abap, version, asxhint,
// hintURI and values, of which uri gets the reference uriRef [capture].
var envelope = func() string {
	b := []byte(magic)
	text := func(token byte, s string) { b = append(appendLength(append(b, token), len(s)), s...) }
	text(tokenHeader, "VER")
	b = append(appendLength(b, len(version)), version...)
	text(tokenHeader, "ENC")
	b = append(appendLength(b, len(encoding)), encoding...)
	text(tokenName, "asx")
	text(tokenName, uri)
	b = append(b, tokenBind, 2, uriRef)
	text(tokenName, rootName)
	b = append(b, tokenOpen, 4, 2)
	text(tokenName, versionName)
	b = append(b, tokenAttribute, 5, noNamespace)
	text(tokenValue, versionText)
	text(tokenName, "asxhint")
	text(tokenName, hintURI)
	b = append(b, tokenBind, 6, 7, tokenUse, uriRef)
	text(tokenName, valuesName)
	b = append(b, tokenOpen, 8, 2)
	return string(b)
}()

const (
	uriRef        = 3
	envelopeNames = 7
)

// ErrInexpressible: binary XML has no form for a document: it needs more than WriterNames
// names, a text is longer than MaxLength, or it is larger than MaxDocument. Another format
// has to carry the values.
var ErrInexpressible = errors.New("cannot be written as binary XML")

// OwnNames is how many distinct names a document may have besides those of the envelope.
const OwnNames = WriterNames - envelopeNames

// Writer appends one document. Its calls have to be balanced; the first failure sticks, see
// Err. The zero value needs a Reset. A Writer is reusable and not safe for concurrent use.
type Writer struct {
	b     []byte
	start int
	names map[string]byte
	err   error
}

// Reset starts a document behind dst.
func (w *Writer) Reset(dst []byte) {
	if w.names == nil {
		w.names = make(map[string]byte)
	}
	clear(w.names)
	w.start, w.err = len(dst), nil
	w.b = append(dst, envelope...)
}

// Err is the first failure, ErrInexpressible with a reason.
func (w *Writer) Err() error { return w.err }

// size is the number of bytes of the document so far.
func (w *Writer) size() int { return len(w.b) - w.start }

// End closes the document and returns the slice that Reset got with the document behind it.
// The writer does not keep it.
func (w *Writer) End() ([]byte, error) {
	w.b = append(w.b, tokenClose, tokenClose)
	if w.size() > MaxDocument {
		w.fail("more than %d bytes", MaxDocument)
	}
	b := w.b
	w.b = nil
	if w.err != nil {
		return b[:w.start], w.err
	}
	return b, nil
}

func (w *Writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: "+format, append([]any{ErrInexpressible}, args...)...)
	}
}

// name gives the reference of a name, and declares it in front of its first use.
func (w *Writer) name(name string) byte {
	ref, ok := w.names[name]
	if !ok {
		n := envelopeNames + len(w.names)
		if n == WriterNames {
			w.fail("more than %d names", WriterNames)
			return firstRef
		}
		ref = byte(firstRef + n)
		w.names[name] = ref
		w.value(tokenName, name)
	}
	return ref
}

// value appends a token with a length.
func (w *Writer) value(token byte, s string) {
	if w.room(len(s)) {
		w.b = append(appendLength(append(w.b, token), len(s)), s...)
	}
}

// room checks that a text of n bytes fits.
func (w *Writer) room(n int) bool {
	switch {
	case n > MaxLength:
		w.fail("a text of %d bytes, at most %d", n, MaxLength)
	case w.size() > MaxDocument-n:
		w.fail("more than %d bytes", MaxDocument)
	}
	return w.err == nil
}

// Open starts an element without a namespace, Close ends the one opened last.
func (w *Writer) Open(name string) {
	ref := w.name(name)
	w.b = append(w.b, tokenOpen, ref, noNamespace)
}

// Close ends the element opened last.
func (w *Writer) Close() { w.b = append(w.b, tokenClose) }

// Lines stands behind Open: the element is a table of n rows.
func (w *Writer) Lines(n int) {
	ref := w.name(linesName)
	w.b = append(w.b, tokenAttribute, ref, uriRef)
	w.value(tokenValue, strconv.Itoa(n))
}

// Text writes the content of an element; an empty one is an empty element.
func (w *Writer) Text(s string) {
	if s != "" {
		w.value(tokenText, s)
	}
}

// Body writes bytes as the content of an element.
func (w *Writer) Body(b []byte) {
	if len(b) > 0 && w.room(len(b)) {
		w.b = append(appendLength(append(w.b, tokenBody), len(b)), b...)
	}
}
