package dissect

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/chain"
)

// Masked stands for every secret.
const Masked = "***"

// span is a range of payload bytes that must not be shown.
type span struct{ start, end int }

// secretName reports whether a parameter holds a password, as far as its name tells.
func secretName(name string) bool {
	name = strings.ToUpper(name)
	for _, word := range [...]string{"PASSWORD", "PASSWD", "PASSWRD", "PASSPHRASE", "PASSCODE", "SECRET", "PWD"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// scanner finds the secrets of a field chain as it passes by, record by record; it needs
// no complete message. Behind damage everything counts as secret.
type scanner struct {
	state  scanState
	head   [8]byte
	n      int // bytes in head
	tag    chain.Tag
	left   uint64 // of the value or of what is skipped
	secret bool
	name   []byte // of the parameter or table that the following values belong to
	hidden bool   // that name says that they are secret
	// document says that a piece of a plain document named a secret: it and the pieces behind
	// it are hidden.
	document bool
}

type scanState uint8

const (
	scanStart scanState = iota
	scanSkip
	scanHead
	scanValue
	scanClose
	scanDone
	scanBroken
)

func (s *scanner) reset() { *s = scanner{name: s.name[:0]} }

// takesName reports whether values of the tag belong to the parameter named last.
func takesName(t chain.Tag) bool {
	switch t {
	case chain.ParameterValue, chain.TableRow, chain.TableRowRepeat, chain.TableBlock, chain.TableBlockEnd, chain.TableWholeRows:
		return true
	default:
		return false
	}
}

// feed looks at the next bytes of a message; base is their offset in the payload.
func (s *scanner) feed(data []byte, base int, mark func(span)) {
	for i := 0; i < len(data); {
		switch s.state {
		case scanStart:
			s.state = scanHead
			switch {
			case data[i] == signature[0] && (len(data) < len(signature) || hasSignature(data)):
				s.state, s.left = scanSkip, uint64(len(signature))
			case isEBCDIC(data):
				s.state = scanDone
			}
		case scanSkip, scanValue:
			n := int(min(s.left, uint64(len(data)-i)))
			if s.state == scanValue {
				if isContainer(s.tag) && namesSecret(data[i:i+n]) {
					s.secret, s.document = true, s.tag == chain.CompactPlain
				}
				if s.secret {
					mark(span{base + i, base + i + n})
				}
				if (s.tag == chain.ParameterName || s.tag == chain.TableName) && len(s.name)+n <= maxName {
					s.name = append(s.name, data[i:i+n]...)
				}
			}
			i += n
			if s.left -= uint64(n); s.left == 0 {
				if s.state == scanSkip {
					s.state = scanHead
				} else {
					s.state, s.n = scanClose, 0
					if len(s.name) > 0 && !takesName(s.tag) {
						s.hidden = secretName(strings.ReplaceAll(string(s.name), "\x00", ""))
					}
				}
			}
		case scanHead:
			s.head[s.n] = data[i]
			s.n++
			i++
			s.header()
		case scanClose:
			s.head[s.n] = data[i]
			s.n++
			i++
			if s.n < 2 {
				continue
			}
			s.n = 0
			switch {
			case chain.Tag(binary.BigEndian.Uint16(s.head[:])) != s.tag:
				s.state = scanBroken
			case s.tag == chain.End:
				s.state = scanDone
			default:
				s.state = scanHead
			}
		case scanDone:
			return
		default:
			mark(span{base + i, base + len(data)})
			return
		}
	}
}

// header acts on the bytes of an item head that are there.
func (s *scanner) header() {
	if s.n < 4 {
		return
	}
	s.tag = chain.Tag(binary.BigEndian.Uint16(s.head[:]))
	length := uint64(binary.BigEndian.Uint16(s.head[2:]))
	if length == 0xffff && s.tag != chain.End {
		if s.n < 8 {
			return
		}
		length = uint64(binary.BigEndian.Uint32(s.head[4:]))
	}
	switch s.tag {
	case chain.ParameterName, chain.TableName, chain.XMLBracket:
		s.name, s.hidden = s.name[:0], false
	case chain.CompactOpen:
		s.document = false
	default:
	}
	s.secret = s.tag.Secret() || s.hidden && takesName(s.tag) || s.document && s.tag == chain.CompactPlain
	s.state, s.left, s.n = scanValue, length, 0
	if length == 0 {
		s.state = scanClose
	}
}

// finished reports whether the chain has ended.
func (s *scanner) finished() bool { return s.state == scanDone }

// carriesData reports whether records of the verb carry message data.
func carriesData(f cpic.Function) bool {
	switch f {
	case cpic.SAPSend, cpic.SendData, cpic.AsyncSendData, cpic.Receive, cpic.AsyncReceive, cpic.SAPAsyncSend:
		return true
	default:
		return false
	}
}

// isError reports whether error text takes the place of message data.
func isError(h *cpic.Header) bool { return h.Info&cpic.InfoWithErrorInfo != 0 || h.ErrorLength > 0 }

// lastRecord reports whether a data record ends its message (spec 02 sections 6 to 8).
func lastRecord(h *cpic.Header, d capture.Direction) bool {
	if d == capture.ServerToClient {
		return h.ReturnCode == cpic.DeallocatedNormal || h.Vector&cpic.VectorSend != 0 || h.ReceiveInfo().StatusReceived == 1
	}
	return h.Function == cpic.SAPSend || h.Function == cpic.SAPAsyncSend || h.Function == cpic.Receive
}

// masker finds the secrets of the frames of one stream.
type masker struct{ sides [2]scanner }

// secrets lists what must not be shown of a payload, in order.
func (m *masker) secrets(payload []byte, d capture.Direction) (list []span) {
	mark := func(s span) {
		if s.end > s.start {
			list = append(list, s)
		}
	}
	if bytes.HasPrefix(payload, eyeRoute) {
		routeSecrets(payload, mark)
		return list
	}
	h, err := cpic.DecodeHeader(payload)
	if err != nil {
		return nil
	}
	switch {
	case h.Function == cpic.SetPassword:
		mark(span{48, 76})
		mark(span{cpic.HeaderLength, len(payload)})
		return list
	case isError(&h), !carriesData(h.Function):
		return nil
	}
	if d == capture.Unknown {
		d = guessDirection(&h)
	}
	s := &m.sides[side(d)]
	if s.finished() {
		s.reset()
	}
	s.feed(payload[cpic.HeaderLength:], cpic.HeaderLength, mark)
	if lastRecord(&h, d) {
		s.reset()
	}
	return list
}

// Redactor removes secrets from the frames of a live recording. It needs every frame of a
// stream in order, because a value may straddle two records. The zero Redactor is ready.
// It is not safe for concurrent use.
type Redactor struct{ streams map[int]*masker }

// Frame returns the frame with every secret replaced by zeros (asterisks in a SAProuter
// request) of the same length, so that all lengths stay true. The payload is copied only
// if it changes.
func (r *Redactor) Frame(f capture.Frame) capture.Frame {
	m := r.streams[f.Stream]
	if m == nil {
		m = new(masker)
		if r.streams == nil {
			r.streams = make(map[int]*masker)
		}
		r.streams[f.Stream] = m
	}
	list := m.secrets(f.Payload, f.Direction)
	if len(list) == 0 {
		return f
	}
	fill := byte(0)
	if bytes.HasPrefix(f.Payload, eyeRoute) {
		fill = '*'
	}
	f.Payload = bytes.Clone(f.Payload)
	for _, s := range list {
		for i := s.start; i < s.end; i++ {
			f.Payload[i] = fill
		}
	}
	return f
}

// Redact is Redactor.Frame for a frame whose values do not straddle records: logons of
// this library never do.
func Redact(f capture.Frame) capture.Frame { return new(Redactor).Frame(f) }

func side(d capture.Direction) int {
	if d == capture.ServerToClient {
		return 1
	}
	return 0
}
