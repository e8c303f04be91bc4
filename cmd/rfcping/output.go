package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/purerfc/purerfc/rfc"
)

// documentVersion is the version of the JSON documents; it changes when a field does.
const documentVersion = 1

// fact is something a step found out. The value is a string, bool, number or []string.
type fact struct {
	Key   string
	Value any
}

// facts keep their order; as JSON they are an object.
type facts []fact

func (f *facts) add(key string, value any) {
	if s, ok := value.(string); ok && s == "" {
		return
	}
	*f = append(*f, fact{key, value})
}

// MarshalJSON implements json.Marshaler.
func (f facts) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, x := range f {
		if i > 0 {
			out = append(out, ',')
		}
		k, err := json.Marshal(x.Key)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(x.Value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, k...), ':'), v...)
	}
	return append(out, '}'), nil
}

// The status of a step.
const (
	statusOK      = "ok"
	statusFailed  = "failed"
	statusSkipped = "skipped"
)

// step is one step of a diagnosis.
type step struct {
	Name     string     `json:"name"`
	Status   string     `json:"status"`
	Millis   float64    `json:"duration_ms"`
	Facts    facts      `json:"facts"`
	Error    *errorText `json:"error,omitempty"`
	Hint     string     `json:"hint"`
	Warnings []string   `json:"warnings,omitempty"`
	extra    []string   // lines for -v, text form only
	duration time.Duration
}

// report is the JSON document of a diagnosis.
type report struct {
	Version  int     `json:"version"`
	Program  string  `json:"program"`
	Target   facts   `json:"target"`
	Steps    []*step `json:"steps"`
	OK       bool    `json:"ok"`
	ExitCode int     `json:"exit_code"`
	Hint     string  `json:"hint"`
}

// errorText is an error in a JSON document.
type errorText struct {
	Class    string `json:"class"`
	Step     string `json:"step,omitempty"`
	Function string `json:"function,omitempty"`
	Key      string `json:"key,omitempty"`
	Message  string `json:"message"`
	Text     string `json:"text"` // the whole error in one line
	// Code and Group are the numbers the vendor library has.
	Code          int       `json:"code,omitempty"`
	Group         int       `json:"group,omitempty"`
	MessageClass  string    `json:"message_class,omitempty"`
	MessageType   string    `json:"message_type,omitempty"`
	MessageNumber string    `json:"message_number,omitempty"`
	MessageV      *[]string `json:"message_v,omitempty"`
	Path          string    `json:"path,omitempty"`
	Outcome       string    `json:"outcome,omitempty"`
	Remote        bool      `json:"remote"`
}

func describeError(err error) *errorText {
	text := printable(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
	t := &errorText{Class: "error", Message: text, Text: text}
	e, ok := errors.AsType[*rfc.Error](err)
	if !ok {
		if x, usage := errors.AsType[*exitError](err); usage && x.code == exitUsage {
			t.Class = "usage"
		}
		return t
	}
	t.Class, t.Step, t.Function, t.Key = e.Class.String(), string(e.Step), e.Function, printable(e.Key)
	if e.Message != "" {
		t.Message = printable(e.Message)
	}
	t.Code, t.Group, t.Path, t.Remote = e.Code(), e.Group(), e.Path, e.Remote
	t.MessageClass, t.MessageType, t.MessageNumber = printable(e.MessageClass), printable(e.MessageType), printable(e.MessageNumber)
	if t.MessageClass != "" || t.MessageNumber != "" {
		v := make([]string, len(e.MessageV))
		for i := range v {
			v[i] = printable(e.MessageV[i])
		}
		t.MessageV = &v
	}
	if e.Outcome != 0 {
		t.Outcome = e.Outcome.String()
	}
	return t
}

// printable makes foreign text fit for a line of a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r == utf8.RuneError || unicode.IsPrint(r):
			return r
		}
		return '·'
	}, strings.ToValidUTF8(s, "\ufffd"))
}

func (a *app) line(s string) error {
	_, err := io.WriteString(a.out, s+"\n")
	return err
}

// writeJSON writes one document: indented for people, in one line for programs.
func (a *app) writeJSON(v any) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	if a.terminal {
		var indented bytes.Buffer
		if json.Indent(&indented, b, "", "  ") == nil {
			b = indented.Bytes()
		}
	}
	_, err = a.out.Write(append(b, '\n'))
	return err
}

// marshal is json.Marshal without the escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// complain writes an error to standard error, a line for each of joined ones.
func (a *app) complain(err error) {
	text := err.Error()
	hint := ""
	if h, ok := errors.AsType[*hinted](err); ok {
		hint = h.hint
	}
	for i, l := range strings.Split(strings.TrimSpace(text), "\n") {
		prefix := "rfcping: "
		if i > 0 {
			prefix = "         "
		}
		_, _ = fmt.Fprintln(a.err, prefix+printable(l))
	}
	if hint != "" {
		_, _ = fmt.Fprintln(a.err, "hint:    "+hint)
	}
}

// palette colours words; the zero palette does not.
type palette struct{ on bool }

func (a *app) palette() palette {
	if v, ok := a.env("NO_COLOR"); ok && v != "" {
		return palette{}
	}
	if v, _ := a.env("TERM"); v == "dumb" {
		return palette{}
	}
	return palette{on: a.terminal}
}

func (p palette) status(s string) string {
	padded := fmt.Sprintf("%-8s", s)
	code := map[string]string{statusOK: "32", statusFailed: "31;1", statusSkipped: "90"}[s]
	if !p.on || code == "" {
		return padded
	}
	return "\x1b[" + code + "m" + padded + "\x1b[0m"
}

const (
	pageWidth  = 110
	factIndent = 33
)

// printStep writes a step as text: one line of facts, wrapped; with -v one line for each.
func (a *app) printStep(s *step) {
	if a.quiet && s.Status != statusFailed {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", a.palette().status(s.Status), s.Name)
	if s.Status != statusSkipped {
		fmt.Fprintf(&b, "%*s %12s", max(0, 9-len(s.Name)), "", formatMillis(s.duration))
	}
	indent := strings.Repeat(" ", factIndent)
	if a.verbose {
		width := 0
		for _, f := range s.Facts {
			width = max(width, len(f.Key))
		}
		b.WriteByte('\n')
		for _, f := range s.Facts {
			fmt.Fprintf(&b, "%s%-*s  %s\n", indent[:factIndent-21], width, f.Key, factText(f.Value))
		}
	} else {
		column := factIndent - 2
		for _, f := range s.Facts {
			word := f.Key + "=" + factText(f.Value)
			n := utf8.RuneCountInString(word)
			if column+2+n > pageWidth && column > factIndent {
				b.WriteString("\n" + indent + word)
				column = factIndent + n
				continue
			}
			b.WriteString("  " + word)
			column += 2 + n
		}
		b.WriteByte('\n')
	}
	if a.verbose {
		for _, l := range s.extra {
			b.WriteString(indent[:factIndent-21] + l + "\n")
		}
	}
	for _, w := range s.Warnings {
		b.WriteString("         warn:  " + printable(w) + "\n")
	}
	if s.Error != nil {
		b.WriteString("         error: " + s.Error.Text + "\n")
	}
	if s.Hint != "" {
		b.WriteString("         hint:  " + s.Hint + "\n")
	}
	_, _ = io.WriteString(a.out, b.String())
}

func factText(v any) string {
	switch v := v.(type) {
	case []string:
		return printable(strings.Join(v, ", "))
	case float64:
		return fmt.Sprintf("%g", v)
	default:
		return printable(fmt.Sprint(v))
	}
}

func formatMillis(d time.Duration) string { return fmt.Sprintf("%.3f ms", millis(d)) }

// millis is a duration in milliseconds, to the microsecond.
func millis(d time.Duration) float64 { return float64(d.Round(time.Microsecond).Microseconds()) / 1000 }
