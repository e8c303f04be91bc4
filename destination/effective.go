package destination

import (
	"fmt"
	"slices"
	"strings"
)

// Effective is a configuration as it works: what was set, what follows from that, and the
// defaults. It holds no secret: their values are ***.
type Effective struct {
	// Destination is the name; may be empty.
	Destination string `json:"destination"`
	// Values are in the order of the documentation; those that nobody knows come last.
	Values []EffectiveValue `json:"values"`
	// Warnings are what is not wrong but worth to be known.
	Warnings []Warning `json:"warnings"`
}

// EffectiveValue is one value with its source.
type EffectiveValue struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source Source `json:"source"`
	Secret bool   `json:"secret,omitempty"`
	// Note says more, for example that a limit was raised.
	Note string `json:"note,omitempty"`
}

// Warning is a remark on a key, or on the whole with an empty Key.
type Warning struct {
	Key    string `json:"key,omitempty"`
	Text   string `json:"text"`
	Source Source `json:"source"`
}

// String gives the warning in one line.
func (w Warning) String() string {
	return (&Problem{Key: w.Key, Text: w.Text, Source: w.Source}).Error()
}

// String gives for example "jco.client.sysnr = 00 (A4H.jcoDestination:3)".
func (v EffectiveValue) String() string {
	text := fmt.Sprintf("%.256s = %.1024s (%s)", printable(v.Key), printable(v.Value), printable(v.Source.String()))
	if v.Note != "" {
		text += ", " + v.Note
	}
	return text
}

// Get finds a value by its key.
func (e *Effective) Get(key string) (EffectiveValue, bool) {
	for _, v := range e.Values {
		if v.Key == key {
			return v, true
		}
	}
	return EffectiveValue{}, false
}

// String gives a line for each value and each warning.
func (e *Effective) String() string {
	var b strings.Builder
	for _, v := range e.Values {
		b.WriteString(v.String() + "\n")
	}
	for _, w := range e.Warnings {
		b.WriteString("warning: " + w.String() + "\n")
	}
	return b.String()
}

// effective lists values. Defaults of what has no effect would only be noise.
func effective(name string, s settings, unknown []*entry, warnings problems) *Effective {
	e := &Effective{Destination: name}
	for i := range table {
		row := &table[i]
		v := EffectiveValue{Key: row.Key, Secret: row.Secret}
		x := s[row.Key]
		switch derived, from := s.derived(row.Key); {
		case x != nil:
			v.Value, v.Source = row.shown(x.value), x.source
		case derived != "":
			v.Value, v.Source = row.shown(derived), Source{Origin: FromOthers, Name: from}
		case row.For == "L" && s.value(KeyMSHost) == "":
			continue // nothing to balance
		case row.For == "W" && s.value(KeyWSHost) == "", s.tunnelKind() == "" && slices.Contains(tunnelKeys, row.Key):
			continue
		case row.Support == Supported && row.Default != "" && !strings.HasPrefix(row.Default, "("):
			v.Value, v.Source = row.Default, Source{Origin: FromDefault}
		default:
			continue
		}
		if row.Key == KeyPeakLimit {
			_, v.Note = s.peak()
		}
		e.Values = append(e.Values, v)
	}
	for _, x := range unknown {
		v := EffectiveValue{Key: x.key, Value: x.shown(), Source: x.source, Secret: true}
		e.Values = append(e.Values, v)
	}
	for _, p := range warnings {
		e.Warnings = append(e.Warnings, Warning{p.Key, p.Text, p.Source})
	}
	return e
}

// derived is the value of a property that follows from another one.
func (s settings) derived(key string) (value, from string) {
	direct := s.value(KeyASHost) != "" || s.value(KeyGWHost) != ""
	switch key {
	case KeyGWHost:
		return s.value(KeyASHost), KeyASHost
	case KeyGWServ:
		if nn := s.value(KeySysNr); direct && twoDigits(nn) {
			return "sapgw" + nn, KeySysNr
		}
	case KeyMSServ:
		if id := s.value(KeyR3Name); id != "" && s.value(KeyMSHost) != "" {
			return "sapms" + id, KeyR3Name
		}
	case KeyCodepage:
		if s.value(KeyPCS) == "2" {
			return "4103", KeyPCS
		}
	case KeyPeakLimit:
		return s.value(KeyPoolCapacity), KeyPoolCapacity
	}
	return "", ""
}
