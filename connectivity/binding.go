package connectivity

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/purerfc/purerfc/rfc"
)

// Service names a service of BTP by the label of its bindings.
type Service string

// The services that this package uses.
const (
	ServiceDestination  Service = "destination"
	ServiceConnectivity Service = "connectivity"
	ServiceXSUAA        Service = "xsuaa"
)

// choosers are the environment variables that name the instance to take of several
// (spec 30 section 14.4 [doc]).
var choosers = map[Service]string{
	ServiceDestination:  "destination_instance_name",
	ServiceConnectivity: "connectivity_instance_name",
	ServiceXSUAA:        "xsuaa_connectivity_instance_name",
}

// Binding is a service that is bound to this program. It prints without its credentials.
type Binding struct {
	// Name is that of the instance, or of the binding where the platform knows no other.
	Name string
	// Label is the service, Plan its plan. Either may be empty.
	Label, Plan string
	Tags        []string
	// Place says where it was found: VCAP_SERVICES with a JSON path, or a directory.
	Place string

	others      []string              // other names of it
	credentials func() map[string]any // a function, so that fmt shows an address
	member      string                // stands between Place and the name of a credential
}

// has reports whether b is a binding of the service: by label, type or tag.
func (b *Binding) has(s Service) bool {
	return b.Label == string(s) || slices.Contains(b.Tags, string(s))
}

// named reports whether name is one of b's.
func (b *Binding) named(name string) bool { return b.Name == name || slices.Contains(b.others, name) }

// String gives name, label and place.
func (b Binding) String() string {
	return fmt.Sprintf("binding %s of service %s (%s)", printable(b.Name), printable(b.Label), printable(b.Place))
}

// reader takes credentials out of a binding and collects what is wrong with them.
type reader struct {
	*Binding
	missing []string
	wrong   []error
}

// get gives a credential as text: strings, numbers and switches are read alike. Empty is
// absent.
func (r *reader) get(key string) string {
	switch v := r.credentials()[key].(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	r.wrong = append(r.wrong, fmt.Errorf("%s: text or number required", r.path(key)))
	return ""
}

// need gives the first credential of several that is there.
func (r *reader) need(keys ...string) string {
	for _, key := range keys {
		if v := r.get(key); v != "" {
			return v
		}
	}
	r.missing = append(r.missing, keys[0])
	return ""
}

// bad notes that a credential is not what it should be. Its value is not shown.
func (r *reader) bad(key, format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Errorf("%s: %w", r.path(key), fmt.Errorf(format, args...)))
}

func (r *reader) path(key string) string { return r.Place + r.member + key }

// result is the error of all that was asked for.
func (r *reader) result() error {
	errs := r.wrong
	if len(r.missing) > 0 {
		paths := make([]string, len(r.missing))
		for i, key := range r.missing {
			paths[i] = r.path(key)
		}
		errs = append([]error{fmt.Errorf("binding %s of service %s lacks %s", r.Name, r.Label, strings.Join(paths, ", "))}, errs...)
	}
	if len(errs) == 0 {
		return nil
	}
	return configError("", errors.Join(errs...))
}

// configError is an error of what the platform or the program gave.
func configError(name string, err error) *rfc.Error {
	return &rfc.Error{
		Class: rfc.ClassConfig, Step: rfc.StepConfig, Outcome: rfc.NotSent, Destination: name, Key: "RFC_INVALID_PARAMETER", Err: err,
	}
}

// printable takes what a terminal would obey out of a text, and bounds it.
func printable(s string) string {
	const limit = 128
	if len(s) > limit {
		s = s[:limit] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
