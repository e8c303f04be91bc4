package bapi

import (
	"fmt"
	"strings"
)

// Message is one message of a BAPI. It reads all four forms of them: a parameter of the type
// BAPIRET2, BAPIRET1, BAPIRETURN or BAPIRETURN1 is a Message in a struct of outputs, a table of
// them a []Message.
//
//	type out struct {
//		Return []bapi.Message `rfc:"RETURN"`
//	}
type Message struct {
	// Type is S success, I information, W warning, E error, A abort or X exit; empty as long as
	// nothing was said.
	Type string `rfc:"TYPE"`
	// ID and Number name the text, for example 01 and 124. With BAPIRETURN they are Code; see
	// Messages.
	ID, Number, Code string
	// Text is the text in the logon language, values included; may be empty.
	Text string `rfc:"MESSAGE"`
	// LogNumber and LogMessageNumber lead to an application log.
	LogNumber        string `rfc:"LOG_NO"`
	LogMessageNumber string `rfc:"LOG_MSG_NO"`
	// V1 to V4 are the values in the text.
	V1 string `rfc:"MESSAGE_V1"`
	V2 string `rfc:"MESSAGE_V2"`
	V3 string `rfc:"MESSAGE_V3"`
	V4 string `rfc:"MESSAGE_V4"`
	// Parameter, Row (counted from 1 by ABAP; 0: none) and Field say what it is about, System
	// who says it. Only BAPIRET2 has them.
	Parameter string
	Row       int32
	Field     string
	System    string
}

// Failed reports whether the message says that the BAPI failed: its type is E, A or X.
func (m Message) Failed() bool { return m.Type == "E" || m.Type == "A" || m.Type == "X" }

// initial reports a message that says nothing: a structure that was not filled.
func (m Message) initial() bool {
	return m.Type == "" && m.ID == "" && m.Text == "" && strings.Trim(m.Number+m.Code, "0") == ""
}

// settled gives ID and Number of a message that has only a Code: two characters of class, then
// three digits.
func (m Message) settled() Message {
	if code := strings.TrimSpace(m.Code); m.ID == "" && len(code) > 3 {
		m.ID, m.Number = strings.TrimSpace(code[:len(code)-3]), code[len(code)-3:]
	}
	return m
}

// String gives for example "E 01 124: User ALICE does not exist (parameter USERNAME, row 2)". It
// is one line of at most some hundred bytes that can be printed.
func (m Message) String() string {
	m = m.settled()
	var b strings.Builder
	b.WriteString(m.Type)
	for _, part := range []string{m.ID, m.Number} {
		if part != "" {
			b.WriteString(" " + part)
		}
	}
	text := m.Text
	if text == "" { // the BAPI left that to its caller
		text = strings.Join(strings.Fields(strings.Join([]string{m.V1, m.V2, m.V3, m.V4}, " ")), " ")
	}
	if text != "" {
		b.WriteString(": " + text)
	}
	var about []string
	if m.Parameter != "" {
		about = append(about, "parameter "+m.Parameter)
	}
	if m.Row != 0 {
		about = append(about, fmt.Sprintf("row %d", m.Row))
	}
	if m.Field != "" {
		about = append(about, "field "+m.Field)
	}
	if len(about) > 0 {
		b.WriteString(" (" + strings.Join(about, ", ") + ")")
	}
	return printable(b.String())
}

// maxLine bounds what is shown of one message, in bytes; BAPIRET2 holds 220 characters of text.
const maxLine = 600

// printable takes what a terminal would obey out of a text of the partner, and bounds it.
func printable(s string) string {
	if len(s) > maxLine {
		s = s[:maxLine] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// Error says that a BAPI failed. errors.AsType finds it.
type Error struct {
	// Function is the BAPI; empty if only its messages are known.
	Function string
	// Messages are all of them in their order, those that are no errors included.
	Messages []Message
}

// maxShown is how many failures an error text shows.
const maxShown = 5

// Error lists the failures, one for each line behind the first; Messages has the rest.
func (e *Error) Error() string {
	var lines []string
	more := 0
	for _, m := range e.Messages {
		switch {
		case !m.Failed():
		case len(lines) < maxShown:
			lines = append(lines, m.String())
		default:
			more++
		}
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	text := strings.Join(lines, "\n")
	if e.Function != "" {
		text = printable(e.Function) + ": " + text
	}
	return text
}

// First is the first message that says that the BAPI failed.
func (e *Error) First() Message {
	for _, m := range e.Messages {
		if m.Failed() {
			return m
		}
	}
	return Message{}
}

// Failures are the messages that say so.
func (e *Error) Failures() []Message {
	var list []Message
	for _, m := range e.Messages {
		if m.Failed() {
			list = append(list, m)
		}
	}
	return list
}
