package rfc

import (
	"errors"
	"fmt"
	"io"

	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/serialization"
)

// isEOF: the usual io.EOF is compared first, because every message ends with one.
func isEOF(err error) bool { return err == io.EOF || errors.Is(err, io.EOF) } //nolint:errorlint // errors.Is follows

// System describes the serving side of a connection: what an ABAP system says of itself
// after a logon. Lengths are in characters.
type System struct {
	// ID is the system id, 3 characters, upper case. Default GOR.
	ID string
	// Description is at most 10 characters; it is blank-padded to exactly 10, because a
	// strict client refuses any other length. Empty leaves it out.
	Description string
	// Number is the instance number, two digits. Default 00.
	Number string
	// Host is the host name. Default localhost.
	Host string
	// Address is the IP address as text. Default the address of the socket.
	Address string
	// Release and KernelRelease are three or four characters. Defaults 758 and 793, the
	// system whose captures this library follows.
	Release, KernelRelease string
	// Codepage is the code page of the system, four digits; another one than 4103 and 4102
	// makes it a non-Unicode system, which writes nothing else. BigEndian is its byte order.
	// Defaults 4103 and false; others serve to test clients.
	Codepage  string
	BigEndian bool
}

// representation is how the system writes.
func (s *System) representation() (serialization.Representation, error) {
	if s.Codepage == "" {
		return serialization.Representation{Text: codepage.UTF16LE, BigEndian: s.BigEndian}, nil
	}
	cp, err := lookUp(s.Codepage)
	if err != nil {
		return serialization.Representation{}, fmt.Errorf("system code page: %w", err)
	}
	return serialization.Representation{Text: cp, BigEndian: s.BigEndian}, nil
}

// CharWidth is the number of bytes of a character in the memory of the system: 2, or 1 if
// it is not Unicode. Lengths that it tells of its own types are for that.
func (s *System) CharWidth() int {
	if rep, err := s.representation(); err == nil {
		return rep.CharWidth()
	}
	return 2
}

func (s System) withDefaults() System {
	for _, d := range []struct {
		field *string
		value string
	}{{&s.ID, "GOR"}, {&s.Number, "00"}, {&s.Host, "localhost"}, {&s.Release, "758"}, {&s.KernelRelease, "793"}, {&s.Codepage, "4103"}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	return s
}

// appendPreamble appends what a system says of itself in front of a reply: after a logon
// with the user's data, after a session reset without (spec 03 section 6 [capture],
// spec 41.11 [experiment]). rep is how it writes to this caller.
func (s *System) appendPreamble(dst []byte, destination, program string, user *Logon, rep serialization.Representation) ([]byte, error) {
	own, err := s.representation()
	if err != nil {
		return nil, err
	}
	dst = appendDescription(dst, kindABAP, rep)
	dst = chain.AppendU32(dst, chain.ProtocolBits, protocolBits)
	header := headerOf(serverUnicodeHeader, own)
	dst = chain.Append(dst, chain.UnicodeHeader, header[:])
	dst = chain.Append(dst, chain.LogonStatus, []byte{0})
	put := func(tag chain.Tag, text string, width int) {
		if err != nil {
			return
		}
		switch {
		case width > 0:
			dst, err = appendPaddedText(dst, tag, text, width, rep)
		case !rep.Unicode():
			dst, err = appendText(dst, tag, replaceUnmappable(text, rep), rep)
		default:
			dst, err = appendText(dst, tag, text, rep)
		}
	}
	put(chain.SystemCodepage, "1100", 0)
	put(chain.SystemID, s.ID, 3)
	if s.Description != "" {
		put(chain.SystemDescription, s.Description, 10)
	}
	put(chain.SystemNumber, s.Number, 2)
	put(chain.ServerHost, s.Host, 0)
	put(chain.Address, s.Address, 15)
	if err != nil {
		return nil, err
	}
	dst = chain.Append(dst, chain.GatewayHost, make([]byte, 46*rep.CharWidth()))
	dst = chain.Append(dst, chain.GatewayService, make([]byte, 10*rep.CharWidth()))
	put(chain.AddressLong, s.Address, 0)
	put(chain.HostName, fmt.Sprintf("%s_%s_%s", s.Host, s.ID, s.Number), 0)
	put(chain.PartnerType, "3", 0)
	put(chain.KernelRelease, s.KernelRelease, 4)
	put(chain.Release, s.Release, 4)
	put(chain.DestinationName, destination, 0)
	put(chain.Program, program, 0)
	if user != nil {
		put(chain.SessionUser, upper(user.User), 12)
		put(chain.SessionClient, user.Client, 3)
		put(chain.SessionLanguage, user.Language, 1)
	}
	return dst, err
}

// appendRefusal appends the chain of a refused logon in the lean form of release 7.50,
// which every known client reads as a logon failure; the form of kernel 793 with items
// 0161, 0450, 0020 and 0021 is a protocol error for one of them (spec 03 section 7,
// spec 41.5 [experiment]). Texts are in rep, a code page that is not Unicode; the error text
// has an even byte count.
func (s *System) appendRefusal(dst []byte, destination, key, message string, rep serialization.Representation) ([]byte, error) {
	own, err := s.representation()
	if err != nil {
		return nil, err
	}
	message = replaceUnmappable(message, rep)
	if b, err := rep.Text.Append(nil, message, codepage.Policy{OnError: codepage.Replace}); err == nil && len(b)%2 == 1 {
		message += " "
	}
	dst = appendDescription(dst, kindABAP, rep)
	dst = chain.AppendU32(dst, chain.ProtocolBits, protocolBits)
	header := headerOf(serverRefusalUnicode, own)
	dst = chain.Append(dst, chain.UnicodeHeader, header[:])
	put := func(tag chain.Tag, text string) {
		if err == nil {
			dst, err = appendText(dst, tag, replaceUnmappable(text, rep), rep)
		}
	}
	put(chain.SystemCodepage, "1100")
	put(chain.Address, pad(s.Address, 15))
	put(chain.AddressLong, s.Address)
	put(chain.HostName, fmt.Sprintf("%s_%s_%s", s.Host, s.ID, s.Number))
	put(chain.PartnerType, "3")
	put(chain.KernelRelease, pad(s.KernelRelease, 4))
	put(chain.Release, pad(s.Release, 4))
	put(chain.DestinationName, destination)
	put(chain.Program, "SAPMSSY1")
	if err != nil {
		return nil, err
	}
	dst = chain.AppendEmpty(dst, chain.Reply)
	if key != "" {
		put(chain.RuntimeErrorID, key)
	}
	put(chain.ErrorText, message)
	if err != nil {
		return nil, err
	}
	return chain.AppendEnd(dst), nil
}

// preambleItem takes an item in front of 0500. Every one is optional; unknown ones are
// skipped by the caller.
func (a *Attributes) preambleItem(it chain.Item, rep serialization.Representation) bool {
	var field *string
	switch it.Tag {
	case chain.SystemCodepage:
		field = &a.PartnerSystemCP
	case chain.SystemID:
		field = &a.SystemID
	case chain.SystemDescription:
		field = &a.Description
	case chain.SystemNumber:
		field = &a.SystemNumber
	case chain.ServerHost:
		field = &a.ServerHost
	case chain.Address:
		field = &a.PartnerIP
	case chain.AddressLong:
		field = &a.PartnerIPv6
	case chain.HostName:
		field = &a.PartnerHost
	case chain.PartnerType:
		field = &a.PartnerType
	case chain.KernelRelease:
		field = &a.KernelRelease
	case chain.Release:
		field = &a.PartnerRelease
	case chain.Program:
		field = &a.PartnerProgram
	case chain.SessionUser:
		field = &a.User
	case chain.SessionClient:
		field = &a.Client
	case chain.SessionLanguage:
		field = &a.Language
	default:
		return false
	}
	*field = text(it.Value, rep)
	return true
}

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
