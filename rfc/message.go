package rfc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/serialization"
)

// unicode is how this library writes everything behind the logon to partners that do not need
// something else (writingFor): UTF-16LE and little-endian numbers.
var unicode = serialization.Representation{Text: codepage.UTF16LE}

// latin is how the logon of an external client is written [capture].
var latin = serialization.Representation{Text: codepage.Latin1}

// callPrefix is the head of a call in a Unicode session, up to and including the release
// of the caller: 0502, 000b (spec 04 section 1 [capture]).
var callPrefix = func() []byte {
	b := chain.AppendEmpty(nil, chain.Call)
	b, _ = appendText(b, chain.CallerRelease, Release, unicode)
	return b
}()

// appendCall appends the head of a request up to the parameter section.
func appendCall(dst []byte, function string, rep serialization.Representation) ([]byte, error) {
	var err error
	if rep == unicode {
		dst = append(dst, callPrefix...)
	} else {
		dst = chain.AppendEmpty(dst, chain.Call)
		if dst, err = appendText(dst, chain.CallerRelease, Release, rep); err != nil {
			return nil, err
		}
	}
	if dst, err = appendText(dst, chain.FunctionName, function, rep); err != nil {
		return nil, err
	}
	return chain.AppendEmpty(dst, chain.Parameters), nil
}

// appendSessionHeader appends what the first call behind a session reset has to start with
// (spec 03 section 9 [impl]). own is what this side is, write what it writes.
func appendSessionHeader(dst []byte, bits uint32, guid *[16]byte, own, write serialization.Representation) []byte {
	dst = appendDescription(dst, kindExternal, write)
	dst = chain.AppendU32(dst, chain.ProtocolBits, bits)
	header := headerOf(clientUnicodeHeader, own)
	dst = chain.Append(dst, chain.UnicodeHeader, header[:])
	if guid != nil {
		dst = chain.Append(dst, chain.SessionGUID, guid[:])
	}
	return dst
}

// appendSuccess appends the head of a reply up to the parameter section (spec 04
// section 2 [capture]).
func appendSuccess(dst []byte, guid *[16]byte) []byte {
	dst = chain.AppendEmpty(dst, chain.Reply)
	dst = chain.AppendEmpty(dst, chain.Success)
	if guid != nil {
		dst = chain.Append(dst, chain.SessionGUID, guid[:])
	}
	dst = chain.AppendU32(dst, chain.CallStatus, 0)
	return chain.AppendEmpty(dst, chain.Parameters)
}

// appendSuccessTail appends what follows the parameters of a reply: the program, 40
// characters, and the duration in microseconds (spec 04 section 2 [capture], unit
// [inferred]).
func appendSuccessTail(dst []byte, program string, microseconds float64, rep serialization.Representation) ([]byte, error) {
	if program == defaultProgram && rep == unicode {
		dst = append(dst, defaultProgramItem...)
	} else {
		var err error
		if dst, err = appendPaddedText(dst, chain.Program, program, 40, rep); err != nil {
			return nil, err
		}
	}
	dst = chain.AppendHeader(dst, chain.Duration, 8)
	if bits := math.Float64bits(microseconds); rep.BigEndian {
		dst = binary.BigEndian.AppendUint64(dst, bits)
	} else {
		dst = binary.LittleEndian.AppendUint64(dst, bits)
	}
	dst = chain.AppendClose(dst, chain.Duration)
	return chain.AppendEnd(dst), nil
}

// defaultProgram is what callers are told when a handler names no program.
const defaultProgram = "SAPLSRFC"

var defaultProgramItem, _ = appendPaddedText(nil, chain.Program, defaultProgram, 40, unicode)

// appendError appends the reply of a failed call (spec 04 section 6.3). It reports whether
// the conversation has to end with it.
func appendError(dst []byte, e *Error, rep serialization.Representation) (out []byte, end bool, err error) {
	dst = chain.AppendEmpty(dst, chain.Reply)
	put := func(tag chain.Tag, s string, always bool) {
		if err == nil && (s != "" || always) {
			dst, err = appendText(dst, tag, replaceUnmappable(s, rep), rep)
		}
	}
	message := func() {
		put(chain.MessageClass, e.MessageClass, false)
		put(chain.MessageType, e.MessageType, false)
		put(chain.MessageNumber, e.MessageNumber, false)
		for i, v := range e.MessageV {
			put(chain.MessageV1+chain.Tag(i), v, false)
		}
	}
	switch {
	case e.Class == ClassABAPException && e.MessageClass == "":
		number := e.MessageNumber
		if number == "" {
			number = "000"
		}
		put(chain.MessageNumber, number, true)
		put(chain.ExceptionKey, e.Key, true)
	case e.Class == ClassABAPException:
		message()
		put(chain.ExceptionKey, e.Key, true)
	case e.Class == ClassABAPMessage && e.MessageType != "A" && e.MessageType != "X":
		message()
		put(chain.ErrorText, e.Message, true)
		end = e.Closed
	case e.Class == ClassABAPMessage:
		// A and X end the session; without 0403 the caller reads a message, which is what
		// peers assert (cases J-02, J-08), though one public table asks for a key.
		put(chain.ErrorText, e.Message, true)
		message()
		end = true
	default:
		key := e.Key
		if key == "" {
			key = "CALL_FUNCTION_REMOTE_ERROR"
		}
		put(chain.ErrorText, e.Message, true)
		put(chain.RuntimeErrorID, key, true)
		message()
		end = true
	}
	if err != nil {
		return nil, true, err
	}
	return chain.AppendEnd(dst), end, nil
}

// replaceUnmappable keeps an error text sendable: what the session's code page lacks
// becomes '#'. Only texts for people go through it.
func replaceUnmappable(s string, rep serialization.Representation) string {
	b, err := rep.Text.Append(nil, s, codepage.Policy{OnError: codepage.Replace})
	if err != nil {
		return "?"
	}
	out, _ := rep.Text.Decode(nil, b, codepage.Policy{OnError: codepage.Replace})
	return string(out)
}

// envelope is everything of a received message that is not a parameter: the head of a
// request, the preamble, markers, error facts and tail of a reply.
type envelope struct {
	isReply, isCall bool
	success         bool         // 0503 was there
	identity        LogonRequest // of a logon, or a session header
	header          bool         // the message brought a session header
	sender          bool         // ... with a description of the sender
	call            callHeader
	facts           errorFacts
	logonStatus     byte
	attrs           Attributes
	unicodeDigits   string
	guid            [16]byte
	hasGUID         bool
	program         []byte
	duration        float64
	resetDone       bool
	skipped         int // items that mean nothing here
	functionName    lastText
}

// lastText remembers the text it decoded last: callers tend to call the same module again.
type lastText struct {
	raw     []byte
	rep     serialization.Representation
	decoded string
}

func (l *lastText) text(b []byte, rep serialization.Representation) string {
	if l.rep != rep || !bytes.Equal(l.raw, b) {
		l.raw, l.rep, l.decoded = append(l.raw[:0], b...), rep, text(b, rep)
	}
	return l.decoded
}

// item takes an item that is not part of a parameter section; rep is the sender's
// representation and changes with item 0101.
//
// Source: spec 04 sections 1, 2 and 6; order-free as spec 04 section 2 asks of readers.
func (m *envelope) item(it chain.Item, rep *serialization.Representation) error {
	switch it.Tag {
	case chain.Reply:
		m.isReply = true
	case chain.Call:
		m.isCall = !m.isReply
	case chain.Success:
		m.success = true
	case chain.Parameters:
	case chain.SessionGUID:
		if len(it.Value) != 16 {
			return badLength(it, 16)
		}
		if m.hasGUID {
			return &wire.Error{Layer: "chain", Record: "item 0514", Offset: int(it.Offset), Err: wire.ErrMalformed, Want: "one session GUID", Got: "two"}
		}
		m.guid, m.hasGUID = [16]byte(it.Value), true
		m.identity.GUID = m.guid
	case chain.CallerRelease:
		// Known and of no use to a handler; spared because it comes with every call.
	case chain.FunctionName:
		m.call.Function = m.functionName.text(it.Value, *rep)
		m.isCall = m.isCall || !m.isReply // JCo sends no 0502 (spec 04 section 1 [capture-note])
	case chain.LogonStatus:
		if len(it.Value) > 0 {
			m.logonStatus = it.Value[0]
		}
	case chain.UnicodeHeader:
		m.header = true
		if len(it.Value) >= 4 {
			m.unicodeDigits = codepageDigits([4]byte(it.Value))
		}
		_, err := m.identity.item(it, rep)
		return err
	case chain.SenderDescription:
		m.header, m.sender = true, true
		_, err := m.identity.item(it, rep)
		return err
	case chain.Program:
		if m.isReply {
			m.program = it.Value // decoded when asked for
			return nil
		}
		m.attrs.PartnerProgram = text(it.Value, *rep)
		m.identity.Program = m.attrs.PartnerProgram
	case chain.Duration:
		if len(it.Value) == 8 {
			order := binary.ByteOrder(binary.LittleEndian)
			if rep.BigEndian {
				order = binary.BigEndian
			}
			m.duration = math.Float64frombits(order.Uint64(it.Value))
		}
	case chain.ResetDone:
		m.resetDone = true
	default:
		if it.Tag >= 0x0400 && it.Tag < 0x0430 {
			return m.facts.item(it, *rep)
		}
		if m.isReply {
			m.skipped++
			return nil
		}
		used, err := m.identity.item(it, rep)
		if err != nil {
			return err
		}
		if !m.attrs.preambleItem(it, *rep) && !used {
			m.skipped++
		}
	}
	return nil
}

// item takes an error fact. A second one of the same kind is a protocol error, except that
// the newer spelling of a key stands beside the older one (spec 44.89, case J-18).
func (f *errorFacts) item(it chain.Item, rep serialization.Representation) error {
	if it.Tag == chain.CallStatus {
		v, ok := u32(it.Value)
		if !ok {
			return badLength(it, 4)
		}
		f.status, f.hasStatus = v, true
		return nil
	}
	set := func(field *string, has *bool) error {
		if *has && field != nil && *field != "" {
			return &wire.Error{Layer: "chain", Record: fmt.Sprintf("item %04x", uint16(it.Tag)), Offset: int(it.Offset), Err: wire.ErrMalformed, Want: "each error fact once", Got: "twice"}
		}
		*has, f.seen = true, true
		*field = errorText(it.Value, rep)
		return nil
	}
	var seen bool
	switch it.Tag {
	case chain.ExceptionKey:
		return set(&f.key, &f.hasKey)
	case chain.RuntimeErrorID:
		return set(&f.runtime, &f.hasRuntime)
	case chain.ErrorText:
		return set(&f.text, &f.hasText)
	case chain.MessageText:
		seen = f.messageText != ""
		err := set(&f.messageText, &seen)
		f.hasText = true
		return err
	case chain.MessageClass:
		return set(&f.class, &f.hasClass)
	case chain.MessageType:
		return set(&f.typ, &f.hasType)
	case chain.MessageNumber:
		return set(&f.number, &f.hasNumber)
	case chain.MessageV1, chain.MessageV2, chain.MessageV3, chain.MessageV4:
		f.hasVariables = true
		i := it.Tag - chain.MessageV1
		seen = f.v[i] != ""
		return set(&f.v[i], &seen)
	case chain.CallStack:
		f.stack = errorText(it.Value, rep)
		f.seen = true
	case chain.ClassExceptionUse:
		f.classUse, f.seen = true, true
	case chain.ClassExceptionInfo, chain.ClassException, chain.ClassExceptionEnd:
		f.classInfo, f.seen = true, true
	default:
	}
	return nil
}

// Message buffers.

// keptBuffer is the largest buffer that goes back to the pool.
const keptBuffer = 256 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(b *[]byte) {
	if b == nil || cap(*b) > keptBuffer {
		return
	}
	*b = (*b)[:0]
	buffers.Put(b)
}

// reserve empties a buffer and leaves the headroom of a conversation in front.
func reserve(b []byte, headroom int) []byte {
	if cap(b) < headroom {
		b = make([]byte, 0, max(4<<10, 2*headroom))
	}
	return b[:headroom]
}
