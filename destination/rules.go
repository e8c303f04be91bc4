package destination

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/purerfc/purerfc/internal/nearest"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/saprouter"
)

// The words of several rules.
const (
	allowedHost    = "host name or IP address"
	allowedPort    = "port 1-65535"
	allowedService = "port 1-65535 or service name"
	allowedSwitch  = "0 or 1"
	allowedCount   = "integer 0-2147483647"
	allowedMillis  = "milliseconds >= 0"

	maxCount   = math.MaxInt32
	maxMinutes = 525_600 // a year
)

// found shows a value in an error: bounded, and without what a terminal would obey.
func found(v string) string {
	if len(v) < 12 && v != "" && strings.Trim(v, "0123456789") == "" {
		return "value " + v
	}
	return fmt.Sprintf("value %.64q", v)
}

// formOf checks a value against the property's rule. The answer says what was found and what
// is allowed, or is empty.
func (p *Property) formOf(v string) string {
	switch {
	case !utf8.ValidString(v):
		return "value is not valid UTF-8"
	case p.form != nil:
		return p.ruled(p.form(v), v)
	case p.Kind == KindSwitch:
		return p.ruled(formChoice("0", "1")(v), v)
	case p.Allowed == "2":
		return p.ruled(formChoice("2")(v), v)
	}
	return ""
}

// broken is what a form answers when there is nothing to say but the rule.
const broken = "-"

// ruled completes the answer of a form.
func (p *Property) ruled(answer, v string) string {
	switch {
	case answer == "" || p.Secret:
		return answer
	case answer == broken:
		answer = ""
	case strings.HasPrefix(answer, "; "):
	default:
		return answer
	}
	if p.Kind == KindDigits {
		return fmt.Sprintf("value %.16q, %s required%s", v, p.Allowed, answer)
	}
	return fmt.Sprintf("%s, %s required%s", found(v), p.Allowed, answer)
}

func formSysNr(v string) string {
	switch {
	case twoDigits(v):
		return ""
	case len(v) == 1 && v >= "0" && v <= "9":
		return "; did you mean 0" + v + "?"
	}
	return broken
}

func formGateway(v string) string {
	if _, err := servicePort(v); err != nil {
		return err.Error()
	}
	return ""
}

func formService(v string) string {
	if n, err := strconv.Atoi(v); err == nil {
		return formPort(strconv.Itoa(n))
	}
	for i, r := range v {
		if !isWord(r) && (r != '-' || i == 0) {
			return broken
		}
	}
	return ""
}

func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
}

func formPort(v string) string { return formRange(false, 1, 65535)(v) }

// formRange takes whole numbers of a range, and 0 if it means off.
func formRange(off bool, low, high int) func(string) string {
	return func(v string) string {
		n, ok := count(v)
		if !ok || n > high || n < low && !(off && n == 0) {
			return broken
		}
		return ""
	}
}

func formCount(high int) func(string) string { return formRange(false, 0, high) }

// count reads digits; no sign, no exponent.
func count(v string) (int, bool) {
	if v == "" || len(v) > 10 || strings.Trim(v, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(v, 10, 32)
	return int(n), err == nil
}

func formChoice(words ...string) func(string) string {
	return func(v string) string {
		if slices.Contains(words, v) {
			return ""
		}
		if near := nearest.Name(v, words); near != "" && len(near) > 1 {
			return "; did you mean " + near + "?"
		}
		return broken
	}
}

// formLength bounds a text in characters.
func formLength(limit int) func(string) string {
	return func(v string) string {
		if n := utf8.RuneCountInString(v); n > limit {
			return fmt.Sprintf("%d characters, at most %d", n, limit)
		}
		return controls(v)
	}
}

// formSecret bounds a secret, and shows nothing of it.
func formSecret(limit int) func(string) string {
	return func(v string) string {
		if n := utf8.RuneCountInString(v); n > limit {
			return fmt.Sprintf("%d characters, at most %d", n, limit)
		}
		return ""
	}
}

// controls finds control characters.
func controls(v string) string {
	for i, r := range []rune(v) {
		if r < ' ' || r == 0x7f {
			return fmt.Sprintf("invalid character 0x%02x at %d", r, i)
		}
	}
	return ""
}

func formLanguage(v string) string {
	if _, err := languageKey(v); err != nil {
		return fmt.Sprintf("value %.16q: two-letter ISO or one-letter SAP language required: %v", v, err)
	}
	return ""
}

func formSystemID(v string) string {
	if len(v) != 3 || v[0] >= '0' && v[0] <= '9' || strings.ContainsFunc(v, func(r rune) bool { return !isWord(r) || r == '_' }) {
		return broken
	}
	return ""
}

func formGroup(v string) string {
	if len(v) > 40 || strings.TrimSpace(v) == "" || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
		return broken
	}
	return ""
}

// formMessageService takes the address of a text interface as well.
func formMessageService(v string) string {
	if strings.Contains(v, "://") {
		if err := msgserver.CheckURL(v); err != nil {
			return "http://host:port or https://host:port required, without user and path (the value is not shown, it may hold a password)"
		}
		return ""
	}
	return formService(v)
}

// formRoute checks a route string; the answer holds no password.
func formRoute(v string) string {
	if _, err := saprouter.ParseRouters(v); err != nil {
		return err.Error()
	}
	return ""
}

// formHosts checks several hosts.
func formHosts(port string) func(string) string {
	one := formHost(port)
	return func(v string) string {
		for host := range strings.SplitSeq(v, ",") {
			if host = strings.TrimSpace(host); host == "" {
				return broken
			}
			if wrong := one(host); wrong != "" {
				return wrong
			}
		}
		return ""
	}
}

// tidyHosts is tidyHost for several.
func tidyHosts(v string) string {
	parts := strings.Split(v, ",")
	for i, p := range parts {
		parts[i] = tidyHost(strings.TrimSpace(p))
	}
	return strings.Join(parts, ",")
}

// formLocation bounds the location ID by what its base64 form may have.
func formLocation(v string) string {
	if n := base64.StdEncoding.EncodedLen(len(v)); n > 255 {
		return fmt.Sprintf("%d bytes, at most 189 (%d in base64, at most 255)", len(v), n)
	}
	return controls(v)
}

func formURL(v string) string {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "https URL with a host and without a user required (the value is not shown, it may hold a password)"
	}
	return ""
}

func formName(v string) string {
	if err := checkName(v); err != nil {
		return err.Error()
	}
	return ""
}

// formSNCName checks the prefix that says how the rest is to be read.
func formSNCName(v string) string {
	kind, name, ok := strings.Cut(v, ":")
	switch {
	case !ok:
		return fmt.Sprintf("%s: position 1: a prefix such as p: or p/krb5: is missing", found(v))
	case kind != "p" && kind != "s" && kind != "u" && !strings.HasPrefix(kind, "p/"):
		return fmt.Sprintf("%s: position 1: prefix p:, p/...:, s: or u: required", found(v))
	case strings.TrimSpace(name) == "":
		return fmt.Sprintf("%s: position %d: the name is missing", found(v), len(kind)+2)
	}
	return controls(v)
}

// formHost checks a host; port says where a port belongs that somebody wrote behind it.
func formHost(port string) func(string) string {
	return func(v string) string {
		switch {
		case strings.HasPrefix(strings.ToUpper(v), "/H/"):
			return "a route string belongs in jco.client.saprouter"
		case strings.Contains(v, "@"):
			return "host name only, without user (the value is not shown, it may hold a password)"
		case strings.Contains(v, "/"):
			return fmt.Sprintf("%s: host name only, without scheme or path", found(v))
		case len(v) > 255:
			return fmt.Sprintf("%d characters, at most 255", len(v))
		}
		for i, r := range v {
			if r <= ' ' || r == 0x7f {
				return fmt.Sprintf("invalid character 0x%02x at %d", r, i)
			}
		}
		return formAddress(v, port)
	}
}

// formAddress looks at what has colons: an IPv6 address, or a port.
func formAddress(v, port string) string {
	if port == "" {
		port = "there is no port here"
	}
	switch {
	case strings.HasPrefix(v, "["):
		return fmt.Sprintf("%s: %s; write IPv6 addresses without brackets", found(v), port)
	case strings.Contains(v, "%"):
		address, _, _ := strings.Cut(v, "%")
		return fmt.Sprintf("%s: an address with a zone is good on this machine only; write [%.64s]", found(v), address)
	case strings.Count(v, ":") == 1:
		return fmt.Sprintf("%s: %s", found(v), port)
	case strings.Contains(v, ":"):
		if _, err := netip.ParseAddr(v); err != nil {
			return fmt.Sprintf("%s: not an IPv6 address; write it as [2001:db8::1], and %s", found(v), port)
		}
	}
	return ""
}

// tidyHost takes the brackets from an IPv6 address.
func tidyHost(v string) string {
	inner, ok := strings.CutPrefix(v, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if a, err := netip.ParseAddr(inner); ok && closed && err == nil && a.Zone() == "" {
		return inner
	}
	return v
}

// tidySwitch reads the words of Java.
func tidySwitch(v string) string {
	switch strings.ToLower(v) {
	case "true":
		return "1"
	case "false":
		return "0"
	}
	return v
}

// tidyChoice reads words in any case.
func tidyChoice(words ...string) func(string) string {
	return func(v string) string {
		for _, w := range words {
			if strings.EqualFold(v, w) {
				return w
			}
		}
		return v
	}
}

// tidied is the value in the spelling that the rest of the house knows.
func (p *Property) tidied(v string) string {
	switch {
	case p.tidy != nil:
		return p.tidy(v)
	case p.Kind == KindSwitch:
		return tidySwitch(v)
	}
	return v
}

// shown is a value as others may see it.
func (p *Property) shown(v string) string {
	switch {
	case v == "":
		return ""
	case p.Secret:
		return redacted
	case p.Kind == KindRoute || p.Kind == KindHost && strings.Contains(v, "/"):
		return saprouter.Redact(v)
	case strings.Contains(v, "@") && (p.Kind == KindHost || strings.Contains(v, "://")):
		return redacted // user:password@host
	}
	return v
}

const redacted = "***"
