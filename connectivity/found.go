package connectivity

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
)

// ParseFound reads an answer of the destination service: destinationConfiguration, authTokens
// and certificates, of version 1 or 2. The error is an *rfc.Error; a token that the service could
// not get (error D-13) is one, inside of an answer with the status 200. No error shows a secret,
// as far as the service's own words do not.
func ParseFound(name string, document []byte) (*Found, error) {
	members, err := destination.JSONFormat(document)
	if err != nil {
		return nil, answerError(StepLookup, rfc.ClassProtocol, "", "%s: the answer is no JSON object: %v", serviceDestination, err)
	}
	f := &Found{Name: name, age: time.Now()}
	configuration := find(members, "destinationConfiguration")
	if configuration == nil || configuration.Members == nil {
		return nil, answerError(StepLookup, rfc.ClassProtocol, "", "%s: the answer has no destinationConfiguration", serviceDestination)
	}
	if err := f.configure(configuration.Members); err != nil {
		return nil, err
	}
	if err := f.addTokens(find(members, "authTokens")); err != nil {
		return nil, err
	}
	return f, f.addCertificates(find(members, "certificates"))
}

// find finds a member, spelled in any case: the guide writes some of them in both [doc].
func find(members []destination.Member, key string) *destination.Member {
	for i := range members {
		if strings.EqualFold(members[i].Key, key) {
			return &members[i]
		}
	}
	return nil
}

func textOf(members []destination.Member, key string) string {
	if m := find(members, key); m != nil && m.Members == nil {
		return m.Value.Reveal()
	}
	return ""
}

// configure takes the properties. Metadata that stands between them is left out.
func (f *Found) configure(members []destination.Member) error {
	if len(members) > maxMembers {
		return answerError(StepLookup, rfc.ClassLimit, "", "%s: %d properties, at most %d", serviceDestination, len(members), maxMembers)
	}
	from := destination.Source{Origin: destination.FromService, Name: serviceDestination}
	f.Properties.AllowAdditional()
	for _, m := range members {
		if m.Members != nil {
			continue
		}
		if _, twice := f.Properties.Get(m.Key); twice {
			return answerError(StepLookup, rfc.ClassProtocol, "", "%s: property %s was given twice", serviceDestination, printable(m.Key))
		}
		f.Properties.SetFrom(m.Key, m.Value.Reveal(), from)
	}
	return nil
}

// addTokens takes what was fetched for the authentication. expires_in is a text [doc], or a
// number.
func (f *Found) addTokens(list *destination.Member) error {
	if list == nil {
		return nil
	}
	if len(list.Members) > maxAttached {
		return answerError(StepLookup, rfc.ClassLimit, "", "%s: %d tokens, at most %d", serviceDestination, len(list.Members), maxAttached)
	}
	for _, m := range list.Members {
		if text := textOf(m.Members, "error"); text != "" {
			return &rfc.Error{
				Class: rfc.ClassLogon, Step: StepToken, Outcome: rfc.NotSent, Key: "RFC_LOGON_FAILURE", Destination: f.Name,
				Message: printable(f.Name) + ": token service: " + printable(text) + "; the destination service could not fetch the token for this destination, see its authentication there",
			}
		}
		value := textOf(m.Members, "value")
		t := AuthToken{Type: textOf(m.Members, "type"), value: func() string { return value }}
		line := ""
		if t.Type != "" {
			line = t.Type + " " + value
		}
		t.Header = "Authorization"
		if h := find(m.Members, "http_header"); h != nil && h.Members != nil {
			if key := textOf(h.Members, "key"); key != "" {
				t.Header, line = key, textOf(h.Members, "value")
			}
		}
		if checkHeader(t.Header, line) != nil || value == "" {
			return answerError(StepLookup, rfc.ClassProtocol, "", "%s: a token in authTokens cannot be sent", serviceDestination)
		}
		t.line = func() string { return line }
		if n, err := strconv.ParseInt(textOf(m.Members, "expires_in"), 10, 32); err == nil && n > 0 {
			t.Expiry = f.age.Add(time.Duration(n) * time.Second)
		}
		f.Tokens = append(f.Tokens, t)
	}
	return nil
}

// addCertificates takes the files.
func (f *Found) addCertificates(list *destination.Member) error {
	if list == nil {
		return nil
	}
	if len(list.Members) > maxAttached {
		return answerError(StepLookup, rfc.ClassLimit, "", "%s: %d certificates, at most %d", serviceDestination, len(list.Members), maxAttached)
	}
	for _, m := range list.Members {
		name, content := textOf(m.Members, "Name"), textOf(m.Members, "Content")
		if name == "" || content == "" {
			return answerError(StepLookup, rfc.ClassProtocol, "", "%s: a certificate without name or content", serviceDestination)
		}
		f.Certificates = append(f.Certificates, StoredCertificate{Name: name, content: func() string { return content }})
	}
	return nil
}

// checkHeader refuses what would be another header, or none.
func checkHeader(name, value string) error {
	if name == "" || len(name) > 128 || strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) {
		return errors.New("no name of a header")
	}
	if value == "" || len(value) > maxToken || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return errors.New("no value of a header")
	}
	return nil
}
