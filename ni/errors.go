package ni

import (
	"fmt"
	"strings"
)

// PeerError is an error that a gateway or SAProuter sent in place of a record. The
// connection is useless afterwards.
type PeerError struct {
	// Router is set when the record was an NI_RTERR.
	Router *RouterError
	// Info is the error text block; nil when the peer sent none.
	Info *ErrorInfo
}

// Error shows what helps: error text, return code, component, detail and location.
func (e *PeerError) Error() string {
	var b strings.Builder
	if e.Router != nil {
		name := returnCodes[e.Router.Code]
		if name == "" {
			name = "NI error"
		}
		fmt.Fprintf(&b, "peer answered %s (%d)", name, e.Router.Code)
	} else {
		b.WriteString("peer answered with an error")
	}
	b.WriteString(e.Info.String())
	return b.String()
}

// String lists the items that help, each with its name; empty for nil.
func (e *ErrorInfo) String() string {
	if e == nil {
		return ""
	}
	var b strings.Builder
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	for _, f := range []struct{ name, value string }{
		{"return code", e.ReturnCode}, {"component", e.Component}, {"detail", e.Detail}, {"location", e.Location},
	} {
		if f.value != "" && f.value != e.Text {
			fmt.Fprintf(&b, ", %s %s", f.name, f.value)
		}
	}
	return b.String()
}
